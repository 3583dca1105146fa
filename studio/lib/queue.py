"""The one door to the background queue, and the only importer of django_rq.

A job is a hint: the database knows what is to be done, so a lost one only costs the time
until the monitor's next sweep.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import lru_cache

import django_rq
from django.conf import settings
from django.db import transaction
from redis import RedisError
from rq import Queue, Worker

log = logging.getLogger(__name__)

_REMEMBERED_S = 0.5

JOBS = {
    "compute.jobs.fetch": 4 * 3600,
    "environments.jobs.clean": 3600,
    "environments.jobs.order": 600,
    "environments.jobs.stop": 60,
    "environments.jobs.store": 3600,
    "environments.jobs.update": 1800,
    "runs.jobs.collect": 4 * 3600,
    "runs.jobs.deliver": 60,
    "runs.jobs.dispatch": 3600,
    "runs.jobs.import_source": 1800,
    "runs.jobs.prune": 4 * 3600,
    "runs.jobs.release": 60,
    "runs.jobs.settle": 60,
    "runs.jobs.settle_build": 60,
    "runs.jobs.stop": 60,
}
"""What may be asked of a worker, and how many seconds it may take: transfers may be long."""


@dataclass(frozen=True)
class QueueHealth:
    """Whether the queue answers, who works on it, and how much waits in it."""

    reachable: bool
    workers: int
    queued: int


def enqueue(dotted_name: str, *args: int | str) -> None:
    """Ask a worker to call a job with plain arguments, once the transaction commits."""
    if dotted_name not in JOBS:
        message = f"{dotted_name} is not among the known jobs"
        raise ValueError(message)
    transaction.on_commit(lambda: _enqueue(dotted_name, args))


@lru_cache(maxsize=1)
def _queue(url: str) -> Queue:
    """The queue over one kept connection: making one takes five times as long as enqueueing."""
    return django_rq.get_queue("default")


def _enqueue(dotted_name: str, args: tuple[int | str, ...]) -> None:
    try:
        _queue(settings.REDIS_URL).enqueue(
            dotted_name, *args, job_timeout=JOBS[dotted_name], result_ttl=0, failure_ttl=3600
        )
    except (RedisError, OSError) as error:
        log.warning("the hint %s%s was lost: %s", dotted_name, args, error)


def queue_health() -> QueueHealth:
    """What the queue says of itself, at most a moment ago: a list asks once for all its rows."""
    return _health(int(time.monotonic() / _REMEMBERED_S))


@lru_cache(maxsize=1)
def _health(_moment: int) -> QueueHealth:
    try:
        queue = _queue(settings.REDIS_URL)
        return QueueHealth(reachable=True, workers=Worker.count(queue=queue), queued=queue.count)
    except (RedisError, OSError):
        return QueueHealth(reachable=False, workers=0, queued=0)
