"""How busy targets are: runs on them, in a fixed number of queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet

from compute.models import ComputeTarget
from compute.selectors import target_list
from runs.models import GpuLoan, Run
from runs.selectors.queue import gpu_loans_of
from runs.selectors.runs import runs_of
from runs.states import FINAL, HOLDS_SLOT, Status
from studio.models import User, Workspace

_DRAWN = 64


@dataclass(frozen=True)
class Holder:
    """A run that has a slot."""

    pk: int
    name: str
    status: str
    who: str


@dataclass(frozen=True)
class TargetLoad:
    """A target, the runs that hold its slots, its lent GPUs, and how many runs wait."""

    target: ComputeTarget
    holders: list[Holder]
    queued: int
    lent: int

    @property
    def busy(self) -> int:
        """How many slots are taken."""
        return len(self.holders)

    @property
    def slots(self) -> list[Holder | None]:
        """Each slot with the run that has it; more than 64 are not drawn."""
        free = max(0, self.target.slots - self.busy)
        return [*self.holders, *[None] * free][:_DRAWN]


@dataclass(frozen=True)
class Gpu:
    """One GPU of a target: what the machine says of it, and the run that has it."""

    name: str
    facts: Mapping[str, Any]
    run: Run | None


def target_loads(*, user: User, workspace: Workspace) -> list[TargetLoad]:
    """Every target of the workspace with its load, by name."""
    rows = target_list(workspace=workspace, user=user).select_related("paused_by")
    live = runs_of(user=user).filter(target__in=rows)
    queued = live.filter(status=Status.QUEUED).order_by().values("target_id")
    waiting = dict(queued.annotate(n=Count("pk")).values_list("target_id", "n"))
    holders: dict[int, list[Holder]] = defaultdict(list)
    taken = live.filter(status__in=HOLDS_SLOT).order_by("pk")
    for target_id, pk, name, status, who in taken.values_list(
        "target_id", "pk", "name", "status", "submitted_by__username"
    ):
        holders[target_id].append(Holder(pk, name, status, who or ""))
    loans = GpuLoan.objects.filter(target__workspace=workspace, returned_at=None)
    lent = Counter(loans.values_list("target_id", flat=True))
    return [TargetLoad(row, holders[row.pk], waiting.get(row.pk, 0), lent[row.pk]) for row in rows]


def target_gpus(*, target: ComputeTarget) -> list[Gpu]:
    """Its GPUs in the order in which they are lent, each with the run that has it now.

    One that is lent although `hello` does not find it any more is among them, at the end.
    """
    loans = gpu_loans_of(target=target).select_related("run__experiment")
    runs = {loan.gpu: loan.run for loan in loans}
    found = {str(gpu["index"]): gpu for gpu in target.facts.get("gpus") or []}
    names = [*target.gpus, *(gpu for gpu in runs if gpu not in target.gpus)]
    return [Gpu(name, found.get(name, {}), runs.get(name)) for name in names]


def target_live_runs(*, user: User, target: ComputeTarget) -> QuerySet[Run]:
    """Runs that hold a slot of the target, oldest first."""
    return _shown(user, target).filter(status__in=HOLDS_SLOT).order_by("pk")


def target_queue(*, user: User, target: ComputeTarget) -> QuerySet[Run]:
    """Runs that wait for a slot of the target, in the order in which they will get one."""
    return _shown(user, target).filter(status=Status.QUEUED).order_by("-priority", "pk")


def target_recent(*, user: User, target: ComputeTarget) -> QuerySet[Run]:
    """Runs that ended on the target, the newest first."""
    ended = _shown(user, target).filter(
        status__in=FINAL, archived_at=None, started_at__isnull=False
    )
    return ended.order_by("-ended_at")


def _shown(user: User, target: ComputeTarget) -> QuerySet[Run]:
    rows = runs_of(user=user).filter(target=target)
    return rows.select_related(
        "experiment", "target", "submitted_by", "build", "environment_version__environment"
    )
