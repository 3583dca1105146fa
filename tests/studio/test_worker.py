"""The worker is known to the queue, also after Redis forgot everything."""

from __future__ import annotations

from collections.abc import Callable

import django_rq
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django_rq.management.commands.rqworker import Command as RqWorker
from redis import Redis

from studio.lib.queue import QueueHealth
from studio.lib.worker import SteadyWorker


def test_a_worker_is_known_again_after_a_wipe(
    redis_server: str, queue_health: Callable[[], QueueHealth]
) -> None:
    worker: SteadyWorker = django_rq.get_worker(worker_class=SteadyWorker)
    worker.register_birth()
    assert queue_health().workers == 1
    with Redis.from_url(redis_server) as redis:
        redis.flushall()
    assert queue_health().workers == 0
    worker.heartbeat()
    assert queue_health().workers == 1
    worker.register_death()
    assert queue_health().workers == 0


def test_a_worker_refuses_an_outdated_database(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.migrated.pending_migrations", lambda: ["runs.0002_more"])
    with pytest.raises(CommandError, match=r"lacks 1 migrations \(runs.0002_more and on\)"):
        call_command("rqworker", burst=True)


def test_a_worker_stays_in_its_process_and_is_soon_missed(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}
    monkeypatch.setattr(RqWorker, "handle", lambda self, *args, **options: seen.update(options))
    call_command("rqworker")
    assert seen["worker_class"] == "studio.lib.worker.SteadyWorker"
    assert seen["worker_ttl"] == 30
