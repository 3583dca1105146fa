"""What is due now, whether or not anybody hinted: the safety net under every lost message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from compute.fetching import fetches_due
from environments.services import builds_to_stop, orders_due, updates_due
from runs.models import Attempt, Run
from runs.selectors.notices import deliveries_due
from runs.services.dispatch import targets_with_work
from runs.services.imports import imports_due
from runs.services.orphans import leases_release
from runs.states import Status
from studio.lib.queue import enqueue, queue_health

PATIENCE = timedelta(seconds=3)
"""A hint is given this long to arrive before the sweep repeats it."""
OVERDUE = timedelta(seconds=10)
"""The runner keeps time limits itself; so long after one the studio steps in."""
_CROWDED = 100


def sweep() -> None:
    """Repeat the hints for all that waits, unless the queue is long already."""
    leases_release()
    if queue_health().queued > _CROWDED:
        return
    for job, due in _due().items():
        for key in due():
            enqueue(job, key)


def _due() -> dict[str, Callable[[], Iterable[int]]]:
    """Each kind of work by the job that does it, in the order in which it is hinted at."""
    return {
        "runs.jobs.dispatch": targets_with_work,
        "runs.jobs.import_source": imports_due,
        "environments.jobs.stop": builds_to_stop,
        "environments.jobs.update": updates_due,
        "compute.jobs.fetch": fetches_due,
        "environments.jobs.order": orders_due,
        "runs.jobs.stop": _runs_to_stop,
        "runs.jobs.collect": _attempts_to_collect,
        "runs.jobs.deliver": deliveries_due,
    }


def _runs_to_stop() -> list[int]:
    """Live runs that shall end: asked to a while ago, or far past their time limit."""
    asked = Q(cancel_requested_at__lt=timezone.now() - PATIENCE)
    stages = (Status.PREPARING, Status.STARTING, Status.RUNNING)
    runs = Run.objects.filter(ended_at=None, status__in=stages).order_by()
    wanted = set(runs.filter(asked).values_list("pk", flat=True))
    limited = runs.filter(time_limit_s__gt=0, started_at__lt=timezone.now() - OVERDUE)
    now = timezone.now()
    for run in limited.only("pk", "time_limit_s", "started_at", "grace_s"):
        if run.started_at and run.time_limit_s:
            limit = timedelta(seconds=run.time_limit_s + run.grace_s) + OVERDUE
            if now - run.started_at > limit:
                wanted.add(run.pk)
    return sorted(wanted)


def _attempts_to_collect() -> list[int]:
    """Attempts that ended a while ago and are not concluded."""
    runs = Run.objects.filter(ended_at=None, status=Status.FINALIZING)
    rows = Attempt.objects.filter(run__in=runs, ended_at__lt=timezone.now() - PATIENCE)
    return list(rows.values_list("pk", flat=True))
