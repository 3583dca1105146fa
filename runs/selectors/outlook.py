"""How soon a run that is submitted now would start on each target, and from what that is known."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from django.db.models import F
from django.utils import timezone

from compute.models import ComputeTarget
from compute.selectors import target_gpu_shortage, target_usable
from runs.models import Run
from runs.selectors.queue import gpus_free
from runs.selectors.targets import TargetLoad, target_loads
from runs.states import HOLDS_SLOT, EndReason, Status
from studio.lib.queue import queue_health
from studio.models import User, Workspace

BASIS = 20
"""How many earlier runs an estimate looks at."""
FEWEST = 5
"""With fewer there is no estimate."""
_FULL_LENGTH = (EndReason.EXITED_ZERO, EndReason.EXITED_NONZERO, EndReason.TIMED_OUT)


@dataclass(frozen=True)
class Outlook:
    """What somebody who chooses a target wants to know of it."""

    load: TargetLoad
    word: str
    """ready: it starts at once; queued: it waits for others; unreachable: it waits for the target
    or the studio; faulty: it cannot go there."""
    sentence: str

    @property
    def target(self) -> ComputeTarget:
        """The target itself."""
        return self.load.target

    @property
    def may_start(self) -> bool:
        """Whether nothing but other runs keeps it from starting."""
        return self.word in {"ready", "queued"}


def target_outlooks(
    *, user: User, workspace: Workspace, gpus: int | None = 0, priority: int = 0
) -> list[Outlook]:
    """Every target of the workspace, by name, as a run with these wishes would find it."""
    loads = target_loads(user=user, workspace=workspace)
    trouble = _studio_trouble()
    ahead = _ahead(workspace, priority)
    found = []
    for load in loads:
        held = _obstacle(user, load.target, gpus, trouble)
        found.append(Outlook(load, *(held or _turn(load, gpus, ahead[load.target.pk]))))
    return found


def _obstacle(
    user: User, target: ComputeTarget, gpus: int | None, trouble: str
) -> tuple[str, str] | None:
    """What keeps the run from starting there, whoever else runs."""
    obstacle = target_usable(user=user, target=target)
    obstacle = obstacle or target_gpu_shortage(target=target, gpus=gpus)
    if not obstacle and getattr(target, "paused_at", None):
        obstacle = "Paused: runs wait until an admin lets them start again."
    if obstacle:
        return "faulty", obstacle
    if target.unreachable_since:
        since = f"{target.unreachable_since:%H:%M} UTC"
        return "unreachable", f"Unreachable since {since}: it starts when the target answers again."
    return ("unreachable", trouble) if trouble else None


def _turn(load: TargetLoad, gpus: int | None, ahead: int) -> tuple[str, str]:
    target = load.target
    if gpus != 0:
        return _with_gpus(target, gpus, ahead, room=target.slots - load.busy - ahead)
    if ahead + load.busy < target.slots:
        return "ready", "Starts at once."
    return "queued", _waiting(target, ahead)


def _ahead(workspace: Workspace, priority: int) -> Counter[int]:
    """How many queued runs come before a new one of this priority, by target."""
    queued = Run.objects.filter(target__workspace=workspace, status=Status.QUEUED)
    before = queued.filter(priority__gte=priority, cancel_requested_at=None)
    return Counter(before.values_list("target_id", flat=True))


def _with_gpus(
    target: ComputeTarget, gpus: int | None, ahead: int, *, room: int
) -> tuple[str, str]:
    """No estimate: which runs give GPUs back together, nobody knows."""
    free, needed = len(gpus_free(target=target)), len(target.gpus) if gpus is None else gpus
    if room > 0 and not ahead and needed <= free:
        return "ready", "Starts at once."
    have = f"{free} of {len(target.gpus)} GPUs free, {needed} needed"
    return "queued", f"{_runs_ahead(ahead)}; {have}."


def _waiting(target: ComputeTarget, ahead: int) -> str:
    waits = _estimate(target, ahead)
    if waits is None:
        return f"{_runs_ahead(ahead)}; too few runs ended here to say how long."
    seconds, count = waits
    if seconds is None:
        return f"{_runs_ahead(ahead)}; those that run take longer than the last {count} here."
    return f"{_runs_ahead(ahead)}, about {_span(seconds)} (from the last {count} runs here)."


def _estimate(target: ComputeTarget, ahead: int) -> tuple[float | None, int] | None:
    """(seconds until a slot is free for it, of how many runs); None: there are too few.

    Each run is taken for one of the usual length, of those that got as old as it is.
    """
    ended = Run.objects.filter(
        target=target, end_reason__in=_FULL_LENGTH, started_at__isnull=False, ended_at__isnull=False
    )
    times = ended.order_by("-pk").values_list(F("ended_at") - F("started_at"), flat=True)[:BASIS]
    lengths = [time.total_seconds() for time in times]
    if len(lengths) < FEWEST:
        return None
    now = timezone.now()
    started = Run.objects.filter(target=target, status__in=HOLDS_SLOT).values_list(
        "started_at", flat=True
    )
    ages = [(now - at).total_seconds() if at else 0.0 for at in started]
    left = [_left(age, lengths) for age in ages]
    ends = [rest for rest in left if rest is not None]
    ends += [0.0] * max(0, target.slots - len(left))
    if not ends:
        return None, len(lengths)
    heapq.heapify(ends)
    for _ in range(ahead):
        heapq.heappush(ends, heapq.heappop(ends) + median(lengths))
    return ends[0], len(lengths)


def _left(age: float, lengths: Sequence[float]) -> float | None:
    """How much longer a run of this age usually takes; None when none got so old."""
    older = [length for length in lengths if length > age]
    return median(older) - age if older else None


def _runs_ahead(count: int) -> str:
    if not count:
        return "Next in line"
    return f"{count} {'run' if count == 1 else 'runs'} ahead"


def _span(seconds: float) -> str:
    if seconds < 55:
        return f"{max(1, round(seconds / 5) * 5)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _studio_trouble() -> str:
    health = queue_health()
    if not health.reachable:
        return "The queue (Redis) does not answer: work goes on when it is back."
    return "" if health.workers else "No worker is running: start one with 'manage.py rqworker'."
