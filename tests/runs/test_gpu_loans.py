"""Who gets which GPUs, in which order, until when, and what those that wait are told."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import GpuLoan, Run
from runs.selectors.waiting import run_waiting
from runs.services.cancel import run_cancel
from runs.services.dispatch import slots_fill, targets_with_work
from runs.services.launch import _gpu_variables
from runs.services.move import run_move
from runs.states import HOLDS_SLOT, EndReason, Status
from studio.models import User
from tests.compute.records import make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def gpu_1(target: ComputeTarget) -> ComputeTarget:
    """Eight slots and four GPUs."""
    target.name, target.slots, target.declared_gpus = "gpu-1", 8, ["0", "1", "2", "3"]
    target.save()
    return target


def fill(target: ComputeTarget) -> dict[int, list[str]]:
    """Give what is free: the runs that hold a slot, each with its GPUs."""
    slots_fill(target_id=target.pk)
    held = Run.objects.filter(status__in=HOLDS_SLOT).order_by("pk")
    return {run.pk: run.lent_gpus for run in held}


def end(run: Run) -> None:
    assert run_move(run_id=run.pk, to=Status.FAILED, reason=EndReason.STUDIO_ERROR)


def test_each_gpu_is_lent_to_one_run(gpu_1: ComputeTarget) -> None:
    a, b, c, d = (make_run(gpu_1, gpus=n) for n in (1, 2, 0, 1))
    assert fill(gpu_1) == {a.pk: ["0"], b.pk: ["1", "2"], c.pk: [], d.pk: ["3"]}
    event = Run.objects.get(pk=b.pk).events.get()
    assert event.text == "A slot is free, and GPUs 1 and 2 with it."
    assert fill(gpu_1) == {a.pk: ["0"], b.pk: ["1", "2"], c.pk: [], d.pk: ["3"]}


def test_all_is_every_gpu_that_there_is_when_it_starts(gpu_1: ComputeTarget) -> None:
    first, everything = make_run(gpu_1, gpus=1), make_run(gpu_1, gpus=None)
    assert fill(gpu_1) == {first.pk: ["0"]}
    end(first)
    ComputeTarget.objects.update(declared_gpus=["0", "1", "2", "3", "4"])
    assert fill(gpu_1) == {everything.pk: ["0", "1", "2", "3", "4"]}


@pytest.mark.parametrize("last", [Status.QUEUED, Status.FAILED, Status.CANCELED])
@pytest.mark.parametrize("status", sorted(HOLDS_SLOT))
def test_gpus_come_back_with_the_move_that_gives_up_the_slot(
    gpu_1: ComputeTarget, status: Status, last: Status
) -> None:
    run = make_run(gpu_1, gpus=2)
    fill(gpu_1)
    Run.objects.filter(pk=run.pk).update(status=status)
    reasons = {Status.FAILED: EndReason.EXIT_LOST, Status.CANCELED: EndReason.CANCELED_BY_USER}
    moved = run_move(run_id=run.pk, to=last, reason=reasons.get(last))
    live = GpuLoan.objects.filter(returned_at=None).count()
    assert live == (0 if moved else 2)
    assert Run.objects.get(pk=run.pk).lent_gpus == ["0", "1"]


def test_they_are_kept_from_slot_to_end(gpu_1: ComputeTarget) -> None:
    run = make_run(gpu_1, gpus=1)
    fill(gpu_1)
    for status in (Status.STARTING, Status.RUNNING, Status.FINALIZING):
        assert run_move(run_id=run.pk, to=status)
        assert GpuLoan.objects.filter(returned_at=None).count() == 1


def test_a_move_that_is_undone_leaves_the_loan(gpu_1: ComputeTarget) -> None:
    run = make_run(gpu_1, gpus=1)
    fill(gpu_1)
    with transaction.atomic():
        end(run)
        transaction.set_rollback(True)
    assert GpuLoan.objects.get().returned_at is None


def test_the_database_itself_lends_no_gpu_twice(gpu_1: ComputeTarget) -> None:
    a, b = make_run(gpu_1), make_run(gpu_1)
    now = timezone.now()
    GpuLoan.objects.create(target=gpu_1, run=a, gpu="0", lent_at=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        GpuLoan.objects.create(target=gpu_1, run=b, gpu="0", lent_at=now)
    GpuLoan.objects.update(returned_at=now)
    GpuLoan.objects.create(target=gpu_1, run=b, gpu="0", lent_at=now)


def test_small_runs_do_not_starve_a_large_one(gpu_1: ComputeTarget) -> None:
    small, large = make_run(gpu_1, gpus=2), make_run(gpu_1, gpus=3)
    late = [make_run(gpu_1, gpus=1) for _ in range(3)]
    assert fill(gpu_1) == {small.pk: ["0", "1"]}
    assert targets_with_work() == []
    end(small)
    assert targets_with_work() == [gpu_1.pk]
    assert fill(gpu_1) == {large.pk: ["0", "1", "2"], late[0].pk: ["3"]}


def test_runs_without_gpus_pass_it(gpu_1: ComputeTarget) -> None:
    ComputeTarget.objects.update(slots=2)
    small, large, plain = (make_run(gpu_1, gpus=n) for n in (1, None, 0))
    more = make_run(gpu_1)
    assert fill(gpu_1) == {small.pk: ["0"], plain.pk: []}
    end(small)  # its slot is the large one's: it is older than `more`
    assert fill(gpu_1) == {large.pk: ["0", "1", "2", "3"], plain.pk: []}
    end(plain)
    assert more.pk in fill(gpu_1)


def test_a_higher_priority_goes_first(gpu_1: ComputeTarget) -> None:
    old, urgent = make_run(gpu_1, gpus=3), make_run(gpu_1, gpus=3, priority=1)
    assert fill(gpu_1) == {urgent.pk: ["0", "1", "2"]}
    end(urgent)
    assert fill(gpu_1) == {old.pk: ["0", "1", "2"]}


@pytest.mark.parametrize("declared", [["0", "1"], []])
def test_a_run_that_can_never_start_holds_up_nobody(
    gpu_1: ComputeTarget, declared: list[str]
) -> None:
    never, plain = make_run(gpu_1, gpus=3), make_run(gpu_1)
    ComputeTarget.objects.update(declared_gpus=declared)
    expected = {plain.pk: []}
    if declared:
        expected[make_run(gpu_1, gpus=2).pk] = ["0", "1"]
    assert fill(gpu_1) == expected
    assert targets_with_work() == []
    never.target.refresh_from_db()
    assert never.target.gpus == declared


def test_a_gpu_that_is_lent_but_not_found_any_more_is_not_lent_again(gpu_1: ComputeTarget) -> None:
    run = make_run(gpu_1, gpus=1)
    fill(gpu_1)
    ComputeTarget.objects.update(declared_gpus=None, facts={"gpus": [{"index": 1}]})
    other = make_run(gpu_1, gpus=1)
    assert fill(gpu_1) == {run.pk: ["0"], other.pk: ["1"]}


def test_what_the_command_sees(gpu_1: ComputeTarget) -> None:
    loans = [GpuLoan(target=gpu_1, gpu=gpu) for gpu in ("0", "3")]
    assert _gpu_variables([]) == {"CUDA_VISIBLE_DEVICES": "", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert _gpu_variables(loans)["CUDA_VISIBLE_DEVICES"] == "0,3"


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Why a run waits, while worker and monitor are well."""
    monkeypatch.setattr("runs.selectors.waiting._studio_trouble", lambda target: "")
    return lambda run: run_waiting(run=Run.objects.select_related("target").get(pk=run.pk))


def test_who_waits_is_told_for_what(gpu_1: ComputeTarget, waiting: Any) -> None:
    a, b = make_run(gpu_1, gpus=1), make_run(gpu_1, gpus=2)
    fill(gpu_1)
    large, small, everything = (make_run(gpu_1, gpus=n) for n in (3, 1, None))
    lent = f"run {a.pk} has GPU 0, run {b.pk} has GPUs 1 and 2."
    assert waiting(large) == (f"Next on gpu-1; 1 of 4 GPUs is free, this run needs 3; {lent}")
    assert waiting(small) == (
        f"1 run ahead on gpu-1; 1 of 4 GPUs is free, run {large.pk} comes first and needs 3."
    )
    assert waiting(everything) == (
        f"2 runs ahead on gpu-1; 1 of 4 GPUs is free, this run needs 4; {lent}"
    )


def test_a_full_target_is_told_before_a_run_that_comes_first(
    gpu_1: ComputeTarget, waiting: Any
) -> None:
    make_run(gpu_1)
    ComputeTarget.objects.update(slots=1)
    fill(gpu_1)
    make_run(gpu_1, gpus=1)
    assert (
        waiting(make_run(gpu_1, gpus=1)) == "1 run ahead on gpu-1; 1 of 1 slots on gpu-1 is taken."
    )


def test_who_can_never_start_is_told_so(gpu_1: ComputeTarget, waiting: Any) -> None:
    runs = make_run(gpu_1, gpus=3), make_run(gpu_1, gpus=None)
    ComputeTarget.objects.update(declared_gpus=["7"])
    assert waiting(runs[0]).startswith("It needs 3 GPUs and gpu-1 has 1 now: cancel it")
    ComputeTarget.objects.update(declared_gpus=[])
    assert waiting(runs[1]).startswith("It needs all GPUs and gpu-1 has none now: cancel it")


def test_a_canceled_queued_run_frees_the_line(gpu_1: ComputeTarget, bob: User) -> None:
    first, large, small = (make_run(gpu_1, gpus=n) for n in (2, 4, 1))
    fill(gpu_1)
    run_cancel(user=bob, run=large)
    assert fill(gpu_1) == {first.pk: ["0", "1"], small.pk: ["2"]}
