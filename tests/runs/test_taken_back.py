"""A cancel that ended a run in the queue is taken back: whatever happens meanwhile."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import Run
from runs.selectors.queue import queue_next
from runs.services.cancel import Wish, run_cancel, run_requeue
from runs.services.move import run_move, run_take_back
from runs.states import EndReason, Status
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import User
from tests.compute.records import make_run


@pytest.mark.django_db
def test_it_waits_where_it_waited(alice: User, target: ComputeTarget) -> None:
    ComputeTarget.objects.filter(pk=target.pk).update(slots=3)
    target.refresh_from_db()
    first, urgent, last = (make_run(target, priority=p) for p in (0, 5, 0))
    line = [urgent.pk, first.pk, last.pk]
    assert [turn.run_id for turn in queue_next(target=target)] == line
    for run in (first, urgent):
        assert run_cancel(user=alice, run=run) is Wish.ENDED
        assert run_cancel(user=alice, run=run) is Wish.NOTHING
    assert [turn.run_id for turn in queue_next(target=target)] == [last.pk]
    for run in (first, urgent):
        run_requeue(user=alice, run=run)
    assert [turn.run_id for turn in queue_next(target=target)] == line


@pytest.mark.django_db
@pytest.mark.parametrize("old", [Status.PREPARING, Status.STARTING, Status.RUNNING])
def test_what_had_begun_is_not_put_back(old: Status, alice: User, target: ComputeTarget) -> None:
    run = make_run(target, status=old)
    reason = EndReason.CANCELED_BY_USER
    assert run_move(run_id=run.pk, to=Status.CANCELED, reason=reason, user=alice)
    with pytest.raises(Refused, match="had left the queue"):
        run_requeue(user=alice, run=run)
    assert Run.objects.get(pk=run.pk).status == Status.CANCELED


@pytest.mark.django_db
def test_only_who_may_write_takes_it_back(
    alice: User, vera: User, charlie: User, target: ComputeTarget
) -> None:
    run = make_run(target)
    run_cancel(user=alice, run=run)
    with pytest.raises(Forbidden):
        run_requeue(user=vera, run=run)
    with pytest.raises(NotFound):
        run_requeue(user=charlie, run=run)
    assert Run.objects.get(pk=run.pk).status == Status.CANCELED


@pytest.mark.django_db(transaction=True)
def test_of_many_that_take_it_back_at_once_one_does(alice: User, target: ComputeTarget) -> None:
    run = make_run(target)
    run_cancel(user=alice, run=run)
    since = timezone.now() - timedelta(minutes=1)
    together = threading.Barrier(4)
    won: list[bool] = []

    def take_back() -> None:
        together.wait(10)
        won.append(run_take_back(run_id=run.pk, since=since, text="Back.", user=alice))
        connection.close()

    threads = [threading.Thread(target=take_back) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(won) == [False, False, False, True]
    moved = run.events.filter(kind="moved", new_status=Status.QUEUED)
    assert moved.count() == 1
