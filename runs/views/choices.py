"""What the submit page offers to choose from: targets and environments with their facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compute.models import ComputeTarget
from environments.outlook import Readiness, environments_readiness
from environments.packages import Card, environment_card, environment_cards
from environments.selectors import version_get
from runs.selectors.outlook import Outlook, target_outlooks
from runs.submission import Submission
from studio.lib.refusal import Refused
from studio.models import User, Workspace


@dataclass(frozen=True)
class EnvironmentChoice:
    """An environment that can be chosen, and how soon it can be used on the chosen target."""

    card: Card
    readiness: Readiness | None
    is_version: bool
    """Whether it is one version of another one among the choices."""


@dataclass(frozen=True)
class Places:
    """Where a run may go, and in what."""

    outlooks: Sequence[Outlook]
    target: ComputeTarget | None
    """The one that is chosen, or would be."""
    readiness: Mapping[str, Readiness]


def environment_choices(
    *, workspace: Workspace, cards: Sequence[Card], chosen: str, target: ComputeTarget | None
) -> list[EnvironmentChoice]:
    """Those in use; before them the version that is asked for, like "ridge:2"."""
    version = _version_card(workspace, chosen) if ":" in chosen else None
    all_cards = [*([version] if version else []), *cards]
    ready = environments_readiness(target=target, cards=all_cards) if target else {}
    return [
        EnvironmentChoice(card, ready.get(card.name), is_version=card is version)
        for card in all_cards
    ]


def places(*, user: User, workspace: Workspace, request: Submission) -> Places:
    """How each target stands to this submission, and each environment on the one that is meant."""
    outlooks = target_outlooks(
        user=user, workspace=workspace, gpus=request.gpus, priority=request.priority
    )
    target = target_meant(outlooks, request.target)
    cards = environment_cards(workspace=workspace)
    version = _version_card(workspace, request.environment) if ":" in request.environment else None
    cards += [version] if version else []
    ready = environments_readiness(target=target, cards=cards) if target else {}
    return Places(outlooks, target, ready)


def target_meant(outlooks: Sequence[Outlook], name: str) -> ComputeTarget | None:
    """The target of that name; without a name the oldest on which the run may start."""
    if name:
        return next((each.target for each in outlooks if each.target.name == name), None)
    usable = [each.target for each in outlooks if each.word != "faulty"]
    return min(usable, key=lambda target: target.pk, default=None)


def _version_card(workspace: Workspace, reference: str) -> Card | None:
    try:
        return environment_card(version=version_get(workspace=workspace, reference=reference))
    except Refused:
        return None
