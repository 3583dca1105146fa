"""A paused target starts nothing; resuming starts what waits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from compute.pauses import target_pause, target_resume
from runs.models import Run
from runs.selectors.waiting import run_waiting, runs_waiting
from runs.services.dispatch import slots_fill, targets_with_work
from studio.lib.refusal import Forbidden
from studio.models import User
from tests.api.conftest import MakeRun, digest, make_run  # noqa: F401


def sentence(run: Run) -> str:
    return run_waiting(run=Run.objects.select_related("target").get(pk=run.pk))


@pytest.fixture(autouse=True)
def watched(target: ComputeTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """A monitor and a worker are there."""
    from studio.lib.queue import QueueHealth

    ComputeTarget.objects.update(monitor_until="2100-01-01T00:00Z")
    health = QueueHealth(reachable=True, workers=1, queued=0)
    monkeypatch.setattr("runs.selectors.waiting.queue_health", lambda: health)


def test_no_run_starts_while_it_is_paused(
    target: ComputeTarget,
    make_run: MakeRun,  # noqa: F811
    alice: User,
) -> None:
    first, second = make_run(), make_run()
    target_pause(user=alice, target=target)
    assert slots_fill(target_id=target.pk) == 0
    assert targets_with_work() == []
    first.refresh_from_db()
    assert first.status == "queued"
    since = ComputeTarget.objects.get().paused_at
    assert since is not None
    who = f"local is paused by owner since {since:%H:%M} UTC"
    assert sentence(first) == f"{who}; it is next."
    assert sentence(second) == f"{who}; 1 run ahead of it."
    target_resume(user=alice, target=target)
    assert targets_with_work() == [target.pk]
    assert slots_fill(target_id=target.pk) == 2
    first.refresh_from_db()
    assert first.status == "preparing"


def test_that_no_monitor_came_to_a_new_target_yet_is_no_trouble(
    target: ComputeTarget,
    make_run: MakeRun,  # noqa: F811
) -> None:
    run = make_run()
    ComputeTarget.objects.update(monitor_until=None, created_at=timezone.now())
    assert sentence(run).startswith("Next on local")
    ComputeTarget.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert sentence(run).startswith("No monitor is running")


def test_what_holds_a_slot_goes_on(
    target: ComputeTarget,
    make_run: MakeRun,  # noqa: F811
    alice: User,
) -> None:
    running = make_run(status="preparing")
    target_pause(user=alice, target=target, drain=True)
    assert targets_with_work() == [target.pk]
    assert "drained" not in sentence(running)
    waits = make_run()
    assert sentence(waits).startswith("local is being drained by owner since ")


def test_only_an_admin_pauses(target: ComputeTarget, bob: User) -> None:
    with pytest.raises(Forbidden):
        target_pause(user=bob, target=target)
    with pytest.raises(Forbidden):
        target_resume(user=bob, target=target)


def test_places_in_line_are_counted_at_once(
    target: ComputeTarget,
    make_run: MakeRun,  # noqa: F811
    django_assert_max_num_queries: object,
) -> None:
    make_run(status="running")
    for priority in (0, 0, 5, 0):
        make_run(priority=priority)
    queued = Run.objects.filter(status="queued").select_related("target").order_by("pk")
    with django_assert_max_num_queries(2):  # type: ignore[operator]
        said = runs_waiting(runs=queued)
    assert [text.split(" on ")[0] for text in said.values()] == [
        "1 run ahead",
        "2 runs ahead",
        "Next",
        "3 runs ahead",
    ]
