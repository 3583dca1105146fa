"""Why a run waits, as one true sentence."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from compute.gpus import gpus_named
from compute.models import ComputeTarget
from environments.models import Build
from runs.disk import studio_disk_is_full
from runs.models import Run
from runs.selectors.queue import gpu_loans_of, gpus_free, queue_asking
from runs.states import HOLDS_SLOT, Status
from studio.lib.queue import queue_health


def run_waiting(*, run: Run) -> str:
    """What the run waits for; empty when it does not wait."""
    if run.is_final:
        return ""
    if run.cancel_requested_at is not None and run.status != Status.QUEUED:
        return _stopping(run)
    unreachable = _unreachable(run.target)
    if run.status == Status.RUNNING:
        return (
            unreachable and f"{unreachable}: the run goes on there, its log catches up afterwards."
        )
    return _studio_trouble(run.target) or (unreachable and f"{unreachable}.") or _own_step(run)


def _own_step(run: Run) -> str:
    if run.status == Status.QUEUED:
        return _queued(run)
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
    if target.monitor_until is None or target.monitor_until < timezone.now():
        return "No monitor is running: start one with 'manage.py monitor'."
    if studio_disk_is_full():
        return "The studio's disk is nearly full: free some space, then it goes on by itself."
    return ""


def _queued(run: Run) -> str:
    target = run.target
    if run.gpus != 0 and (run.gpus or 1) > len(target.gpus):
        return _never(run)
    before = Q(priority__gt=run.priority) | Q(priority=run.priority, pk__lt=run.pk)
    ahead = Run.objects.filter(before, target=target, status=Status.QUEUED).count()
    busy = Run.objects.filter(target=target, status__in=HOLDS_SLOT).count()
    slots = f"{busy} of {target.slots} slots on {target.name} {'is' if busy == 1 else 'are'} taken"
    why = "" if run.gpus == 0 else _gpus(run, before, is_full=busy >= target.slots)
    if ahead:
        return f"{ahead} {'run' if ahead == 1 else 'runs'} ahead on {target.name}; {why or slots}."
    return f"Next on {target.name}; {why or slots}."


def _never(run: Run) -> str:
    has, needs = len(run.target.gpus), "all GPUs" if run.gpus is None else _gpu_count(run.gpus)
    return (
        f"It needs {needs} and {run.target.name} has {has or 'none'} now: cancel it and submit it "
        "elsewhere, or let an admin list more GPUs on the target's page."
    )


def _gpus(run: Run, before: Q, *, is_full: bool) -> str:
    """What the run waits for if that is GPUs rather than a slot."""
    target = run.target
    total, free = len(target.gpus), len(gpus_free(target=target))
    needed = total if run.gpus is None else run.gpus
    state = f"{free} of {_gpu_count(total)} {'is' if 1 in {free, total} else 'are'} free"
    if needed > free:
        return f"{state}, this run needs {needed}; {_lent(target)}"
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
    build, name = run.build, run.environment_version.environment.name
    if build is None or build.status not in {Build.Status.QUEUED, Build.Status.RUNNING}:
        return f"The environment {name} is being checked."
    if build.status == Build.Status.QUEUED:
        return f"Build {build.pk} of the environment {name} waits for a free build slot."
    return f"The environment {name} is being built (build {build.pk})."
