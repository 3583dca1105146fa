"""Named data as pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute.models import ComputeTarget, DataPath, NamedData
from runs.models import Run
from tests.api.conftest import MakeRun
from tests.pages.visitor import Visitor


@pytest.fixture
def mnist(target: ComputeTarget, tmp_path: Path) -> DataPath:
    named = NamedData.objects.create(
        workspace=target.workspace, name="mnist", variable="RUNYARD_DATA_MNIST", description="ten"
    )
    return DataPath.objects.create(data=named, target=target, path=str(tmp_path / "mnist"))


def field(target: ComputeTarget) -> str:
    return f"path-{target.pk}"


def test_an_empty_page_says_who_can_fill_it(owner: Visitor, viewer: Visitor) -> None:
    assert "Name some, and say where each target has it" in owner.get("/data/").text
    assert "An admin of" in viewer.get("/data/").text
    assert "Name data" not in viewer.get("/data/").text


def test_the_owner_names_data_and_sees_what_was_found(
    owner: Visitor, target: ComputeTarget, tmp_path: Path
) -> None:
    assert "Path on local" in owner.get("/new/data/").text
    given = {"name": "mnist-5k", "description": "digits", field(target): str(tmp_path / "none")}
    assert owner.post("/new/data/", given).location == "/data/"
    text = owner.get("/data/").text
    assert "Runs find mnist-5k at RUNYARD_DATA_MNIST_5K." in text
    assert f"local {tmp_path}/none There is no {tmp_path}/none. checked just now" in text
    edit = owner.get("/data/mnist-5k/edit/").html
    assert f'value="{tmp_path}/none"' in edit
    assert 'name="name"' not in edit
    (tmp_path / "real").mkdir()
    moved = {"description": "", field(target): str(tmp_path / "real")}
    assert owner.post("/data/mnist-5k/edit/", moved).status == 302
    assert f"{tmp_path}/real folder checked just now" in owner.get("/data/").text
    assert owner.post("/data/mnist-5k/edit/", {"description": ""}).status == 302
    assert "No target has it yet" in owner.get("/data/").text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "a b"}, "'a b' cannot name data"),
        ({"name": "MNIST"}, "would both be RUNYARD_DATA_MNIST"),
        ({"path": "here"}, "'here' is not an absolute path: say where local itself"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    owner: Visitor, mnist: DataPath, changes: dict[str, str], told: str
) -> None:
    changes = {field(mnist.target) if k == "path" else k: v for k, v in changes.items()}
    page = owner.post("/new/data/", {"name": "more"} | changes)
    assert page.status == 422
    assert told in page.text
    assert "-problem" in page.html
    assert NamedData.objects.count() == 1


def test_the_target_shows_what_it_has_and_lacks(
    owner: Visitor, member: Visitor, mnist: DataPath
) -> None:
    NamedData.objects.create(
        workspace=mnist.target.workspace, name="cifar", variable="RUNYARD_DATA_CIFAR"
    )
    text = owner.get("/targets/local/").text
    assert f"mnist {mnist.path} not checked yet Edit Remove cifar not here Add its path" in text
    seen = member.get("/targets/local/").text
    assert f"mnist {mnist.path} not checked yet cifar not here Machine" in seen
    Path(mnist.path).mkdir()
    member.post("/targets/local/test/")
    assert f"{mnist.path} folder checked just now" in member.get("/targets/local/").text
    assert owner.post("/targets/local/data/mnist/remove/").location == "/targets/local/"
    assert not DataPath.objects.exists()


def test_forgetting_asks_first(owner: Visitor, mnist: DataPath) -> None:
    assert "Delete mnist?" in owner.get("/data/mnist/delete/").text
    assert owner.post("/data/mnist/delete/").location == "/data/"
    assert not NamedData.objects.exists()


def test_an_admin_is_offered_only_targets_where_he_may_run(
    stranger: Visitor, mnist: DataPath
) -> None:
    elsewhere = stranger.user.memberships.get().workspace  # type: ignore[union-attr]
    ComputeTarget.objects.filter(pk=mnist.target.pk).update(
        workspace=elsewhere, open_to_members=False
    )
    assert "Path on" not in stranger.get("/new/data/").text
    ComputeTarget.objects.update(open_to_members=True)
    assert "Path on local" in stranger.get("/new/data/").text


def test_a_run_is_submitted_with_data_and_shows_it(
    member: Visitor, mnist: DataPath, make_run: MakeRun
) -> None:
    digest = make_run().snapshot.digest
    given = {"source": "snapshot", "snapshot": digest, "script": "train.py", "target": "local"}
    assert "Names out of mnist." in member.get("/submit/").text
    wrong = member.post("/submit/", given | {"data_names": "mnits"})
    assert "did you mean mnist?" in wrong.html.split('id="id_data_names-problem"')[1]
    wrong = member.post("/submit/", given | {"arguments": "${data.x}"})
    assert "no data" in wrong.html.split('id="id_arguments-problem"')[1]
    page = member.post("/submit/", given | {"data_names": " mnist, mnist"})
    run = Run.objects.order_by("-pk")[0]
    assert page.location == f"/runs/{run.pk}/"
    assert run.data == {"mnist": mnist.path}
    assert f"Data mnist: {mnist.path}" in member.get(page.location).text
    assert 'name="data_names" value="mnist"' in member.get("/submit/", {"from": run.pk}).html
