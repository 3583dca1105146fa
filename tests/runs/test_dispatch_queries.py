"""Which targets a sweep wakes the workers for."""

from __future__ import annotations

import pytest

from compute.models import ComputeTarget
from runs.services.dispatch import slots_fill, targets_with_work
from runs.states import Status
from tests.compute.records import make_run

pytestmark = pytest.mark.django_db


def test_a_target_with_a_free_slot_and_many_queued_runs_has_work(target: ComputeTarget) -> None:
    ComputeTarget.objects.filter(pk=target.pk).update(slots=3)
    for status in (Status.RUNNING, *[Status.QUEUED] * 5):
        make_run(target=target, status=status)
    assert targets_with_work() == [target.pk]


def test_a_full_target_has_none(target: ComputeTarget) -> None:
    ComputeTarget.objects.filter(pk=target.pk).update(slots=1)
    for status in (Status.RUNNING, Status.QUEUED):
        make_run(target=target, status=status)
    assert targets_with_work() == []


def test_a_disabled_target_has_none(target: ComputeTarget) -> None:
    ComputeTarget.objects.filter(pk=target.pk).update(enabled=False)
    make_run(target=target, status=Status.QUEUED)
    assert targets_with_work() == []


def test_slots_go_by_priority_then_age(target: ComputeTarget) -> None:
    ComputeTarget.objects.filter(pk=target.pk).update(slots=2)
    old, young, urgent = (make_run(target=target, priority=priority) for priority in (0, 0, 5))
    assert slots_fill(target_id=target.pk) == 2
    for run, status in ((old, "preparing"), (urgent, "preparing"), (young, "queued")):
        run.refresh_from_db()
        assert run.status == status


def test_no_slot_is_given_twice(target: ComputeTarget) -> None:
    ComputeTarget.objects.filter(pk=target.pk).update(slots=1)
    for _ in range(3):
        make_run(target=target)
    assert [slots_fill(target_id=target.pk) for _ in range(3)] == [1, 0, 0]
