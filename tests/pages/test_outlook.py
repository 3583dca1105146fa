"""How soon a run would start, told honestly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import Run
from runs.selectors.outlook import Outlook, target_outlooks
from studio.lib.queue import QueueHealth
from studio.models import User, Workspace
from tests.api.conftest import MakeRun


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody works on the queue."""
    health = QueueHealth(reachable=True, workers=1, queued=0)
    monkeypatch.setattr("runs.selectors.outlook.queue_health", lambda: health)


def outlook(user: User, workspace: Workspace, **wishes: int) -> Outlook:
    (found,) = target_outlooks(user=user, workspace=workspace, **wishes)
    return found


def ended(make_run: MakeRun, count: int, seconds: float) -> None:
    now = timezone.now()
    for _ in range(count):
        make_run(
            status="completed",
            end_reason="exited_zero",
            started_at=now - timedelta(seconds=seconds),
            ended_at=now,
        )


def running(make_run: MakeRun, seconds: float) -> None:
    make_run(status="running", started_at=timezone.now() - timedelta(seconds=seconds))


def test_a_free_slot_is_taken_at_once(bob: User, workspace: Workspace, make_run: MakeRun) -> None:
    running(make_run, 5)
    found = outlook(bob, workspace)
    assert (found.word, found.sentence) == ("ready", "Starts at once.")
    assert outlook(bob, workspace, gpus=1).word == "faulty"


def test_without_history_there_is_no_estimate(
    bob: User, workspace: Workspace, make_run: MakeRun
) -> None:
    running(make_run, 5)
    running(make_run, 5)
    make_run()
    ended(make_run, 4, 60)
    assert outlook(bob, workspace).sentence == (
        "1 run ahead; too few runs ended here to say how long."
    )


def test_an_estimate_says_from_what_it_is(
    bob: User, workspace: Workspace, make_run: MakeRun
) -> None:
    ended(make_run, 25, 600)
    running(make_run, 300)
    running(make_run, 0)
    make_run()
    make_run()
    # slots are free after 5 and 10 minutes; of those ahead one starts in each
    assert outlook(bob, workspace).sentence == (
        "2 runs ahead, about 15 min (from the last 20 runs here)."
    )
    assert outlook(bob, workspace, priority=1).sentence.startswith("Next in line, about 5 min")


def test_what_takes_longer_than_ever_is_not_guessed(
    bob: User, workspace: Workspace, make_run: MakeRun
) -> None:
    ended(make_run, 6, 60)
    running(make_run, 120)
    running(make_run, 180)
    assert outlook(bob, workspace).sentence == (
        "Next in line; those that run take longer than the last 6 here."
    )


def test_gpus_are_counted(
    bob: User, workspace: Workspace, make_run: MakeRun, target: ComputeTarget
) -> None:
    from runs.models import GpuLoan

    ComputeTarget.objects.update(declared_gpus=["0", "1"], slots=4)
    assert outlook(bob, workspace, gpus=2).sentence == "Starts at once."
    holder = make_run(status="running", started_at=timezone.now(), gpus=1)
    GpuLoan.objects.create(target=target, run=holder, gpu="0", lent_at=timezone.now())
    found = outlook(bob, workspace, gpus=2)
    assert (found.word, found.sentence) == (
        "queued",
        "Next in line; 1 of 2 GPUs free, 2 needed.",
    )
    assert outlook(bob, workspace, gpus=1).word == "ready"


def test_what_keeps_it_from_starting_comes_first(
    bob: User, workspace: Workspace, target: ComputeTarget
) -> None:
    ComputeTarget.objects.update(unreachable_since=timezone.now())
    assert outlook(bob, workspace).word == "unreachable"
    ComputeTarget.objects.update(enabled=False)
    assert "is disabled" in outlook(bob, workspace).sentence


def test_others_see_nothing_of_it(charlie: User, workspace: Workspace, run: Run) -> None:
    from studio.lib.refusal import NotFound, Refused

    with pytest.raises((NotFound, Refused)):
        target_outlooks(user=charlie, workspace=workspace)
