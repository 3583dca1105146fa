"""Asking for GPUs and listing them over REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import GpuLoan, Run
from tests.api.caller import Caller


@pytest.fixture
def body(digest: str, target: ComputeTarget, run: Run) -> dict[str, Any]:
    ComputeTarget.objects.filter(pk=target.pk).update(declared_gpus=["0", "1"])
    return {"source": {"snapshot": digest}, "script": "train.py"}


def test_a_run_asks_for_some_for_all_or_for_none(member: Caller, body: dict[str, Any]) -> None:
    for asked in (2, 0, "all"):
        made = member.post("/runs", body | {"gpus": asked}).json
        assert (made["gpus"], made["gpus_lent"]) == (asked, [])
    assert member.post("/runs", body).json["gpus"] == 0
    assert [r["gpus"] for r in member.get("/runs").json["items"]] == [0, "all", 0, 2, 0]


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"gpus": 3, "target": "local"}, "gpus", "local has 2 GPUs and the run asks for 3"),
        ({"gpus": 3}, "target", "local has 2 GPUs and the run asks for 3"),
        ({"gpus": -1}, "gpus", "-1 GPUs cannot be lent"),
        ({"gpus": 10**12}, "gpus", "cannot be lent"),
        ({"gpus": "some"}, "gpus", "gpus"),
        (
            {"variables": {"CUDA_VISIBLE_DEVICES": "0"}},
            "variables",
            "leave it out and ask for GPUs.",
        ),
        ({"variables": {"CUDA_DEVICE_ORDER": "x"}}, "variables", "ask for GPUs"),
    ],
)
def test_what_cannot_be_lent_is_refused(
    member: Caller, body: dict[str, Any], change: Any, field: str, words: str
) -> None:
    before = Run.objects.count()
    answer = member.post("/runs", body | change)
    assert answer.status == 422, answer.json
    assert answer.json["field"].startswith(field)
    assert words in answer.detail
    assert Run.objects.count() == before


def test_a_target_tells_which_gpu_is_with_which_run(
    owner: Caller, member: Caller, body: dict[str, Any], run: Run
) -> None:
    Run.objects.filter(pk=run.pk).update(gpus=1, status="running")
    GpuLoan.objects.create(target=run.target, run=run, gpu="1", lent_at=timezone.now())
    found = member.get("/targets/local").json
    assert (found["gpus"], found["gpus_lent"]) == (["0", "1"], {"1": run.pk})
    assert found["gpus_declared"] == "0,1"
    assert member.get(f"/runs/{run.pk}").json["gpus_lent"] == ["1"]
    assert member.patch("/targets/local", {"gpus": "0"}).status == 403
    refused = owner.patch("/targets/local", {"gpus": "0"})
    assert (refused.status, refused.json["field"]) == (422, "gpus")
    assert f"run {run.pk} has it" in refused.detail
    assert owner.patch("/targets/local", {"gpus": "1,2"}).json["gpus"] == ["1", "2"]
    assert owner.patch("/targets/local", {"gpus": "x"}).status == 422
    GpuLoan.objects.update(returned_at=timezone.now())
    assert owner.patch("/targets/local", {"gpus": ""}).json["gpus_declared"] == ""
