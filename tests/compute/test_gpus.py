"""Which GPUs a target lends: those that an admin lists, else those that it has."""

from __future__ import annotations

import pytest
from django.utils import timezone

from compute.gpus import gpus_declared, gpus_named, gpus_text
from compute.health import target_health
from compute.models import ComputeTarget
from compute.selectors import target_gpu_shortage, target_pick
from compute.services import target_create, target_update
from runs.models import GpuLoan
from studio.lib.refusal import Refused
from studio.models import User, Workspace
from tests.compute.records import make_run

A, B = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-1aa5c1b2-0000-4106-c12f-20bd9faed9f6"


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("", None),
        (" , ", None),
        ("none", []),
        ("None", []),
        ("0,1,2,3", ["0", "1", "2", "3"]),
        (" 3, 1 ", ["3", "1"]),
        ("00 1", ["0", "1"]),
        (f"{A},{B}", [A, B]),
        ("MIG-8932f937/1/0", ["MIG-8932f937/1/0"]),
    ],
)
def test_a_declaration_is_read_and_written(text: str, gpus: list[str] | None) -> None:
    assert gpus_declared(text) == gpus
    assert gpus_declared(gpus_text(gpus)) == gpus


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0,x", "'x' is no GPU: list indexes, like 0,1,2,3"),
        ("0-3", "'0-3' is no GPU"),
        ("-1", "'-1' is no GPU"),
        ("0,none", "'none' is no GPU"),
        ("1000", "'1000' is no GPU"),
        ("0,1,0", "GPU 0 is listed twice"),
        ("1,01", "GPU 1 is listed twice"),
        (f"{A},{A.lower().replace('gpu', 'GPU')}", "is listed twice"),
        (f"{A},{A[:12]}", f"{A[:12]} and {A} may be the same GPU"),
        (f"0,{A}", "0 is an index and others are UUIDs"),
        ("GPU-x;rm", "'GPU-x;rm' is no GPU"),
    ],
)
def test_what_could_name_one_gpu_twice_is_refused(text: str, told: str) -> None:
    with pytest.raises(Refused) as refusal:
        gpus_declared(text)
    assert told in refusal.value.sentence
    assert refusal.value.field == "gpus"


def test_gpus_in_a_sentence() -> None:
    assert gpus_named(["0"]) == "GPU 0"
    assert gpus_named(["0", "2", "3"]) == "GPUs 0, 2 and 3"


def found(target: ComputeTarget, *indexes: int) -> ComputeTarget:
    """The target after `hello` has found these."""
    gpus = [{"index": index, "name": "A100", "memory_bytes": 1} for index in indexes]
    target_health(target=target, reachable=True, facts={"cores": 2, "gpus": gpus})
    return target


def test_what_is_listed_wins_over_what_is_found(alice: User, target: ComputeTarget) -> None:
    assert target.gpus == []
    assert found(target, 0, 1).gpus == ["0", "1"]
    assert target_update(user=alice, target=target, gpus="1,5").gpus == ["1", "5"]
    assert target_update(user=alice, target=target, gpus="none").gpus == []
    assert target_update(user=alice, target=target, slots=3).gpus == []
    assert target_update(user=alice, target=target, gpus="").gpus == ["0", "1"]


def test_a_target_is_registered_with_its_gpus(alice: User, workspace: Workspace) -> None:
    made = target_create(
        user=alice, workspace=workspace, name="x", kind="local", config={"root": "/x"}, gpus="0 1"
    )
    assert ComputeTarget.objects.get(pk=made.pk).gpus == ["0", "1"]


def test_a_lent_gpu_stays_on_the_list(alice: User, target: ComputeTarget) -> None:
    target_update(user=alice, target=target, gpus="0,1,2,3")
    run = make_run(target, gpus=2, status="running")
    for gpu in ("1", "2"):
        GpuLoan.objects.create(target=target, run=run, gpu=gpu, lent_at=timezone.now())
    for text in ("0,3", "none", ""):
        with pytest.raises(Refused, match=f"GPUs 1 and 2 of local .* run {run.pk} has them"):
            target_update(user=alice, target=target, gpus=text)
    with pytest.raises(Refused, match=f"GPU 1 of local .* run {run.pk} has it"):
        target_update(user=alice, target=target, gpus="0,2,3")
    assert ComputeTarget.objects.get(pk=target.pk).gpus == ["0", "1", "2", "3"]
    assert target_update(user=alice, target=target, gpus="2,1,7").gpus == ["2", "1", "7"]
    GpuLoan.objects.update(returned_at=timezone.now())
    assert target_update(user=alice, target=target, gpus="none").gpus == []


def test_asking_for_more_than_there_is(alice: User, target: ComputeTarget) -> None:
    assert "not known yet: test it" in target_gpu_shortage(target=target, gpus=1)
    found(target)
    assert "local has no GPUs to lend" in target_gpu_shortage(target=target, gpus=1)
    assert "local has no GPUs to lend" in target_gpu_shortage(target=target, gpus=None)
    assert target_gpu_shortage(target=target, gpus=0) == ""
    found(target, 0, 1)
    told = "local has 2 GPUs and the run asks for 3: ask for 2 at most"
    assert told in target_gpu_shortage(target=target, gpus=3)
    assert target_gpu_shortage(target=target, gpus=2) == ""
    assert target_gpu_shortage(target=target, gpus=None) == ""


def test_a_run_that_names_no_target_goes_where_there_are_gpus(
    alice: User, bob: User, workspace: Workspace, target: ComputeTarget
) -> None:
    found(target)
    second = target_create(
        user=alice, workspace=workspace, name="gpu-1", kind="local", config={"root": "/x"},
        gpus="0,1", open_to_members=True,
    )  # fmt: skip
    assert target_pick(workspace=workspace, user=bob, name="") == target
    assert target_pick(workspace=workspace, user=bob, name="", gpus=2) == second
    assert target_pick(workspace=workspace, user=bob, name="", gpus=None) == second
    with pytest.raises(Refused) as refusal:
        target_pick(workspace=workspace, user=bob, name="local", gpus=1)
    assert refusal.value.field == "gpus"
    with pytest.raises(Refused, match=r"local has no GPUs.*gpu-1 has 2 GPUs"):
        target_pick(workspace=workspace, user=bob, name="", gpus=3)
