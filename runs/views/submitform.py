"""The submit form as this person gets it, and what the workspace has to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from environments.packages import Card, environment_cards
from runs.forms import SubmitForm
from runs.models import Run, Source
from runs.selectors.credentials import credential_names
from runs.selectors.outlook import Outlook, target_outlooks
from runs.selectors.runs import run_get
from runs.selectors.sources import source_list
from studio.models import Workspace
from studio.pages import PageRequest
from studio.selectors import secret_names


@dataclass(frozen=True)
class Offer:
    """Sources, targets and environments of a workspace, each looked up once."""

    sources: Sequence[Source]
    outlooks: Sequence[Outlook]
    cards: Sequence[Card]


def submit_offer(request: PageRequest, workspace: Workspace) -> Offer:
    """What there is to choose from, as a run without wishes finds it."""
    return Offer(
        list(source_list(user=request.user, workspace=workspace)),
        target_outlooks(user=request.user, workspace=workspace),
        environment_cards(workspace=workspace),
    )


def submit_form(
    request: PageRequest, workspace: Workspace, offer: Offer, **given: Any
) -> SubmitForm:
    """The form for a contributor of the workspace; `given` is what Django's forms take."""
    return SubmitForm(
        data_names=sorted(workspace.data.values_list("name", flat=True)),
        targets=[outlook.target for outlook in offer.outlooks],
        environments=[card.name for card in offer.cards],
        secrets=secret_names(workspace=workspace),
        credentials=credential_names(user=request.user, workspace=workspace),
        saved=[source.name for source in offer.sources],
        earlier=request.GET.get("from", ""),
        **given,
    )


def earlier_run(request: PageRequest) -> Run | None:
    """The run that the form was filled in from."""
    ref = request.GET.get("from", "")
    return run_get(user=request.user, ref=ref) if ref else None
