"""GPUs on the pages of targets and runs."""

from __future__ import annotations

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import GpuLoan, Run
from tests.api.conftest import MakeRun
from tests.pages.visitor import Visitor


@pytest.fixture
def lent(make_run: MakeRun, target: ComputeTarget) -> Run:
    """A run that has GPU 1 of 0 and 1."""
    facts: dict[str, object] = {"hostname": "h", "cores": 2, "memory_bytes": 1}
    facts |= {"disk_free_bytes": 1, "disk_total_bytes": 2}
    facts |= {"gpus": [{"index": 1, "name": "A100", "memory_bytes": 40 << 30}]}
    ComputeTarget.objects.filter(pk=target.pk).update(declared_gpus=["0", "1"], facts=facts)
    run = make_run(name="holder", status="running", gpus=1)
    GpuLoan.objects.create(target=target, run=run, gpu="1", lent_at=timezone.now())
    return run


def test_the_target_shows_what_is_lent_to_whom(viewer: Visitor, lent: Run) -> None:
    assert "1 of 2 slots" in viewer.get("/targets/local/").text
    text = viewer.get("/targets/local/live/").text
    assert f"GPU Lent to What it is 0 free 1 holder #{lent.pk} A100, 43 GB" in text
    assert "1 of 2 0 local" in viewer.get("/targets/").text
    assert "0,1 as listed by an admin" in viewer.get("/targets/local/").text


def test_the_run_shows_what_it_has_and_had(viewer: Visitor, lent: Run, make_run: MakeRun) -> None:
    assert "GPUs 1: 1" in viewer.get(f"/runs/{lent.pk}/").text
    live = viewer.get(f"/runs/{lent.pk}/live/", {"tab": "overview"})
    assert 'id="run-gpus" hx-swap-oob="true"' in live.html
    GpuLoan.objects.update(returned_at=timezone.now())
    assert "GPUs 1: 1" in viewer.get(f"/runs/{lent.pk}/").text
    assert "GPUs all" in viewer.get(f"/runs/{make_run(gpus=None).pk}/").text
    assert "GPUs" not in viewer.get(f"/runs/{make_run().pk}/").text


def test_the_owner_lists_gpus(owner: Visitor, lent: Run) -> None:
    assert 'value="0,1"' in owner.get("/targets/local/edit/").html
    given = {"name": "local", "root": lent.target.config["root"], "slots": "2", "build_slots": "1"}
    refused = owner.post("/targets/local/edit/", given | {"gpus": "0"})
    assert refused.status == 422
    assert f"run {lent.pk} has it" in refused.text
    assert owner.post("/targets/local/edit/", given | {"gpus": "1, 0, 2"}).status == 302
    assert ComputeTarget.objects.get().gpus == ["1", "0", "2"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [("some", "'some' is no number of GPUs"), ("3", "local has 2 GPUs"), ("-1", "cannot be lent")],
)
def test_a_wrong_number_is_told_beside_the_field(
    member: Visitor, lent: Run, asked: str, told: str
) -> None:
    page = member.post(
        "/submit/",
        {"source": "snapshot", "snapshot": lent.snapshot.digest, "script": "train.py",
         "gpus": asked, "target": "local"},
    )  # fmt: skip
    assert page.status == 422
    problem = page.html.split('id="id_gpus-problem"')[1].split("</p>")[0]
    assert told in problem.replace("&#x27;", "'")


def test_the_page_submits_and_fills_in_again(member: Visitor, lent: Run) -> None:
    given = {"source": "snapshot", "snapshot": lent.snapshot.digest, "script": "train.py"}
    assert member.post("/submit/", given | {"gpus": "All"}).status == 302
    run = Run.objects.order_by("-pk")[0]
    assert run.gpus is None
    assert 'name="gpus" value="all"' in member.get("/submit/", {"from": run.pk}).html
    assert 'name="gpus" value="1"' in member.get("/submit/", {"from": lent.pk}).html
    assert member.post("/submit/", given | {"gpus": ""}).status == 302
    assert Run.objects.order_by("-pk")[0].gpus == 0
