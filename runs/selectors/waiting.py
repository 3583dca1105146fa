"""Why a run waits, as one true sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.utils import timezone

from compute.gpus import gpus_named
from compute.models import ComputeTarget
from environments.history import build_progress
from environments.models import Build
from runs.disk import studio_disk_is_full
from runs.models import Run
from runs.selectors.queue import gpu_loans_of, gpus_free, queue_asking
from runs.states import HOLDS_SLOT, Status
from studio.lib.queue import queue_health

_FOUND_WITHIN = timedelta(seconds=10)
"""A monitor comes to a new target with its next sweep: so long nothing is wrong."""


@dataclass(frozen=True)
class _Turn:
    """How many queued runs come before one, and how many hold a slot of its target."""

    ahead: int
    busy: int


def run_waiting(*, run: Run) -> str:
    """What the run waits for; empty when it does not wait."""
    return runs_waiting(runs=[run])[run.pk]


def runs_waiting(*, runs: Iterable[Run]) -> dict[int, str]:
    """What each run waits for, by its number; their places in line are counted at once."""
    listed = list(runs)
    if any(run.target.paused_at for run in listed):
        prefetch_related_objects(listed, "target__paused_by")
    turns = _turns([run.pk for run in listed if run.status == Status.QUEUED])
    return {run.pk: _waiting(run, turns) for run in listed}


def _turns(run_ids: list[int]) -> dict[int, _Turn]:
    if not run_ids:
        return {}
    here = Run.objects.filter(target=OuterRef("target")).order_by()
    before = Q(priority__gt=OuterRef("priority")) | Q(
        priority=OuterRef("priority"), pk__lt=OuterRef("pk")
    )
    rows = (
        Run.objects.filter(pk__in=run_ids)
        .annotate(
            ahead=_count(here.filter(before, status=Status.QUEUED, cancel_requested_at=None)),
            busy=_count(here.filter(status__in=HOLDS_SLOT)),
        )
        .values_list("pk", "ahead", "busy")
    )
    return {pk: _Turn(ahead, busy) for pk, ahead, busy in rows}


def _count(rows: QuerySet[Run]) -> Coalesce:
    counted = rows.values("target").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def _waiting(run: Run, turns: Mapping[int, _Turn]) -> str:
    if run.is_final:
        return ""
    if run.cancel_requested_at is not None and run.status != Status.QUEUED:
        return _stopping(run)
    unreachable = _unreachable(run.target)
    if run.status == Status.RUNNING:
        if not unreachable:
            return run.held_up
        return f"{unreachable}: the run goes on there, its log catches up afterwards."
    return (
        _studio_trouble(run.target) or (unreachable and f"{unreachable}.") or _own_step(run, turns)
    )


def _own_step(run: Run, turns: Mapping[int, _Turn]) -> str:
    if run.status == Status.QUEUED:
        return _queued(run, turns.get(run.pk, _Turn(0, 0)))
    if run.status == Status.PREPARING:
        return _preparing(run)
    if run.status == Status.STARTING:
        return "Its files are being placed on the target."
    return "The command ended; its results are being collected."


def _stopping(run: Run) -> str:
    if run.target.unreachable_since is not None:
        return (
            f"Cancel was requested, but {run.target.name} is unreachable: it will be told when it "
            "answers again."
        )
    return f"Stopping: it has {run.grace_s} s to end by itself, then it is killed."


def _unreachable(target: ComputeTarget) -> str:
    since = target.unreachable_since
    return f"{target.name} is unreachable since {since:%H:%M:%S} UTC" if since else ""


def _studio_trouble(target: ComputeTarget) -> str:
    """What keeps every run of the target from moving."""
    if not target.enabled:
        return f"The target {target.name} is disabled: an admin can enable it on its page."
    health = queue_health()
    if not health.reachable:
        return "The queue (Redis) does not answer: work goes on when it is back."
    if not health.workers:
        return "No worker is running: start one with 'manage.py rqworker'."
    if (target.monitor_until or target.created_at + _FOUND_WITHIN) < timezone.now():
        return "No monitor is running: start one with 'manage.py monitor'."
    if studio_disk_is_full():
        return "The studio's disk is nearly full: free some space, then it goes on by itself."
    return ""


def _paused(target: ComputeTarget) -> str:
    """Who holds the queue of the target back, and since when."""
    if target.paused_at is None:
        return ""
    how = "being drained" if target.draining else "paused"
    who = f" by {target.paused_by.username}" if target.paused_by else ""
    return f"{target.name} is {how}{who} since {_moment(target.paused_at)}"


def _moment(at: datetime) -> str:
    """The time in UTC, with the day unless that is today."""
    return f"{at:%H:%M} UTC" if at.date() == timezone.now().date() else f"{at:%Y-%m-%d %H:%M} UTC"


def _queued(run: Run, turn: _Turn) -> str:
    target = run.target
    if run.gpus != 0 and (run.gpus or 1) > len(target.gpus):
        return _never(run)
    ahead, busy = turn.ahead, turn.busy
    if paused := _paused(target):
        place = f"{ahead} {'run' if ahead == 1 else 'runs'} ahead of it" if ahead else "it is next"
        return f"{paused}; {place}."
    slots = f"{busy} of {target.slots} slots on {target.name} {'is' if busy == 1 else 'are'} taken"
    why = "" if run.gpus == 0 else _gpus(run, is_full=busy >= target.slots)
    if ahead:
        return f"{ahead} {'run' if ahead == 1 else 'runs'} ahead on {target.name}; {why or slots}."
    return f"Next on {target.name}; {why or slots}."


def _never(run: Run) -> str:
    has, needs = len(run.target.gpus), "all GPUs" if run.gpus is None else _gpu_count(run.gpus)
    return (
        f"It needs {needs} and {run.target.name} has {has or 'none'} now: cancel it and submit it "
        "elsewhere, or let an admin list more GPUs on the target's page."
    )


def _gpus(run: Run, *, is_full: bool) -> str:
    """What the run waits for if that is GPUs rather than a slot."""
    target = run.target
    total, free = len(target.gpus), len(gpus_free(target=target))
    needed = total if run.gpus is None else run.gpus
    state = f"{free} of {_gpu_count(total)} {'is' if 1 in {free, total} else 'are'} free"
    if needed > free:
        return f"{state}, this run needs {needed}; {_lent(target)}"
    before = Q(priority__gt=run.priority) | Q(priority=run.priority, pk__lt=run.pk)
    first = queue_asking(target=target).filter(before).first()
    if first is None or is_full:
        return ""
    comes = f"run {first.pk} comes first and needs"
    return f"{state}, {comes} {total if first.gpus is None else first.gpus}"


def _lent(target: ComputeTarget) -> str:
    """Who has which GPUs: run 41 has GPUs 0 and 1, run 42 has GPU 2."""
    loans: dict[int, list[str]] = {}
    for run_id, gpu in gpu_loans_of(target=target).values_list("run_id", "gpu"):
        loans.setdefault(run_id, []).append(gpu)
    return ", ".join(f"run {run_id} has {gpus_named(gpus)}" for run_id, gpus in loans.items())


def _gpu_count(number: int) -> str:
    return f"{number} GPU" if number == 1 else f"{number} GPUs"


def _preparing(run: Run) -> str:
    build, version = run.build, run.environment_version
    if run.target.is_fetching:
        image, far = run.target.image_fetch["image"], run.target.fetching
        return f"The image {image} is being fetched for {run.target.name}: {far}."
    if build is None or build.status not in {Build.Status.QUEUED, Build.Status.RUNNING}:
        return f"The environment {version.environment.name} is being checked."
    of = version if build.version_id == version.pk else build.version
    if build.status == Build.Status.QUEUED:
        return f"It waits for build {build.pk} of {of}, which waits for a free build slot."
    if build.held_up:
        return f"It waits for build {build.pk} of {of}, which does not go on. {build.held_up}"
    return f"It waits for build {build.pk} of {of}{build_progress(build=build)}."
