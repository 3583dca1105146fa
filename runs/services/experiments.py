"""Experiments: made by name, described, compared by a metric, archived."""

from __future__ import annotations

import re

from django.db import transaction
from django.utils import timezone

from runs.metrics import NAME_LENGTH
from runs.models import Experiment
from studio.lib.refusal import Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,254}")


def is_experiment_name(name: str) -> bool:
    """Whether an experiment can be called so."""
    return _NAME.fullmatch(name) is not None


def experiment_name_check(*, name: str) -> None:
    """Refuse what cannot name an experiment.

    Raises:
        Refused: says what a name is made of.
    """
    if not is_experiment_name(name):
        raise Refused(
            f"'{name}' cannot name an experiment: begin with a letter or digit, then "
            "letters, digits, spaces and - _ . (255 at most).",
            field="experiment",
        )


def experiment_take(*, workspace: Workspace, name: str, user: User) -> Experiment:
    """The experiment of that name for a new run: made, or brought back if it was archived."""
    found, _ = Experiment.objects.get_or_create(workspace=workspace, name=name)
    if found.archived_at is not None:
        experiment_archive(user=user, experiment=found, archived=False)
    return found


@transaction.atomic
def experiment_create(
    *,
    user: User,
    workspace: Workspace,
    name: str,
    description: str = "",
    primary_metric: str = "",
    direction: str = Experiment.Direction.MAXIMIZE,
) -> Experiment:
    """A new, empty experiment.

    Raises:
        Refused: a value cannot be kept, or there is one of that name; `field` names it.
        Forbidden: the user may not write here.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    made = Experiment(workspace=workspace, name=_free_name(workspace, name.strip()))
    _describe(made, description, primary_metric, direction)
    made.save()
    audit(user=user, workspace=workspace, action="experiment.create", subject=made.name)
    return made


@transaction.atomic
def experiment_update(
    *,
    user: User,
    experiment: Experiment,
    name: str | None = None,
    description: str | None = None,
    primary_metric: str | None = None,
    direction: str | None = None,
) -> Experiment:
    """Change what is given; None leaves a value as it is.

    Raises:
        Refused: a value cannot be kept, or there is another of that name; `field` names it.
        Forbidden: the user may not write here.
    """
    require_role(user, experiment.workspace, Role.CONTRIBUTOR)
    now = Experiment.objects.select_for_update().get(pk=experiment.pk)
    if name is not None and name.strip() != now.name:
        now.name = _free_name(now.workspace, name.strip())
    _describe(now, description, primary_metric, direction)
    now.save()
    audit(user=user, workspace=now.workspace, action="experiment.update", subject=now.name)
    return now


def experiment_archive(*, user: User, experiment: Experiment, archived: bool) -> None:
    """Leave it out of lists, or show it again; its runs stay as they are.

    A new run of its name brings it back too.
    """
    require_role(user, experiment.workspace, Role.CONTRIBUTOR)
    at = timezone.now() if archived else None
    Experiment.objects.filter(pk=experiment.pk).update(archived_at=at)
    experiment.archived_at = at
    audit(
        user=user,
        workspace=experiment.workspace,
        action="experiment.archive" if archived else "experiment.unarchive",
        subject=experiment.name,
    )


def _describe(
    experiment: Experiment, description: str | None, metric: str | None, direction: str | None
) -> None:
    if description is not None:
        experiment.description = description.strip()
    if metric is not None:
        if len(metric.strip()) > NAME_LENGTH:
            raise Refused(
                f"The name of a metric has {NAME_LENGTH} characters at most: shorten it.",
                field="primary_metric",
            )
        experiment.primary_metric = metric.strip()
    if direction is not None:
        if direction not in Experiment.Direction.values:
            known = " or ".join(Experiment.Direction.values)
            raise Refused(f"'{direction}' is no direction: choose {known}.", field="direction")
        experiment.direction = direction


def _free_name(workspace: Workspace, name: str) -> str:
    try:
        experiment_name_check(name=name)
    except Refused as error:
        raise Refused(error.sentence, field="name") from None
    other = Experiment.objects.filter(workspace=workspace, name=name).first()
    if other is not None:
        state = "an archived" if other.archived_at else "an"
        raise Refused(
            f"There is {state} experiment '{name}' already: choose another name, or open that one.",
            field="name",
        )
    return name
