"""How busy targets are: runs on them, in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from compute.models import ComputeTarget
from compute.selectors import target_list
from runs.models import Run
from runs.selectors.runs import runs_of
from runs.states import HOLDS_SLOT, Status
from studio.models import User, Workspace


@dataclass(frozen=True)
class TargetLoad:
    """A target, its taken slots, and how many runs wait for one."""

    target: ComputeTarget
    busy: int
    queued: int

    @property
    def slots(self) -> list[bool]:
        """Each slot: whether it is taken; more than 64 are not drawn."""
        return [n < self.busy for n in range(min(self.target.slots, 64))]


def target_loads(*, user: User, workspace: Workspace) -> list[TargetLoad]:
    """Every target of the workspace with its load, by name."""
    rows = target_list(workspace=workspace, user=user).annotate(
        busy_runs=Count("runs", filter=Q(runs__status__in=HOLDS_SLOT)),
        queued_runs=Count("runs", filter=Q(runs__status=Status.QUEUED)),
    )
    return [TargetLoad(row, row.busy_runs, row.queued_runs) for row in rows]


def target_live_runs(*, user: User, target: ComputeTarget) -> QuerySet[Run]:
    """Runs that hold a slot of the target, oldest first."""
    return _shown(user, target).filter(status__in=HOLDS_SLOT).order_by("pk")


def target_queue(*, user: User, target: ComputeTarget) -> QuerySet[Run]:
    """Runs that wait for a slot of the target, in the order in which they will get one."""
    return _shown(user, target).filter(status=Status.QUEUED).order_by("-priority", "pk")


def _shown(user: User, target: ComputeTarget) -> QuerySet[Run]:
    rows = runs_of(user=user).filter(target=target)
    return rows.select_related("experiment", "target", "submitted_by").prefetch_related("series")
