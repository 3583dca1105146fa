"""Which runs one would compare a run with."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from runs.models import Run
from runs.selectors.runs import run_get, runs_of
from studio.models import User

_OFFERED = 30


@dataclass(frozen=True)
class Suggestion:
    """A run to compare with, and why that one."""

    run: Run
    why: str


def run_suggestions(*, user: User, run: Run) -> list[Suggestion]:
    """The likeliest ones: the one before it with this script, and the last that went well."""
    others = _others(user, run)
    earlier = others.filter(pk__lt=run.pk)
    tries = (
        (earlier.filter(experiment=run.experiment, script=run.script), "the one before it"),
        (earlier.filter(script=run.script), "the last one of this script"),
        (earlier.filter(experiment=run.experiment, status="completed"), "the last that completed"),
        (earlier.filter(experiment=run.experiment), f"the last one in {run.experiment.name}"),
    )
    found: dict[int, Suggestion] = {}
    for rows, why in tries:
        first = rows.first()
        if first is not None:
            found.setdefault(first.pk, Suggestion(first, why))
    return list(found.values())


def run_candidates(*, user: User, run: Run) -> QuerySet[Run]:
    """The newest others of its workspace, for a list to pick from."""
    return _others(user, run)[:_OFFERED]


def run_other(*, user: User, run: Run, ref: str) -> Run:
    """The run that somebody wants to compare with, by number, id or name in the same workspace."""
    return run_get(user=user, ref=ref, workspace=run.workspace)


def _others(user: User, run: Run) -> QuerySet[Run]:
    rows = runs_of(user=user).filter(workspace=run.workspace).exclude(pk=run.pk)
    return rows.select_related("experiment").only("pk", "name", "status", "experiment__name")
