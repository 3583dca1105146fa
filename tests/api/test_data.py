"""Named data over REST, and runs that ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compute.models import ComputeTarget, NamedData
from runs.models import Run
from tests.api.caller import Answer, Caller


def put(caller: Caller, name: str, body: object, query: str = "") -> Answer:
    return caller.put(f"/data/{name}{query}", body)


@pytest.fixture
def mnist(owner: Caller, target: ComputeTarget, tmp_path: Path) -> str:
    """Named, and on local; "lonely" is nowhere."""
    path = tmp_path / "mnist"
    path.mkdir()
    assert put(owner, "mnist", {"paths": {"local": str(path)}}).status == 200
    assert put(owner, "lonely", {"description": "nowhere"}).status == 200
    return str(path)


def test_the_owner_names_looks_and_forgets(owner: Caller, mnist: str) -> None:
    (lonely, found) = owner.get("/data").json
    assert (lonely["name"], lonely["paths"]) == ("lonely", [])
    assert found["variable"] == "RUNYARD_DATA_MNIST"
    assert found["paths"][0] == {
        "target": "local", "path": mnist, "kind": "", "complaint": "", "checked_at": None,
    }  # fmt: skip
    owner.post("/targets/local/test")
    assert owner.get("/data/mnist").json["paths"][0]["kind"] == "folder"
    assert put(owner, "mnist", {"paths": {"local": ""}}).json["paths"] == []
    assert owner.delete("/data/mnist").status == 204
    assert owner.get("/data/mnist").status == 404


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("a.b", {}, "name"),
        ("MNIST", {}, "name"),
        ("mnist", {"paths": {"local": "here"}}, "paths.local"),
        ("mnist", {"paths": {"local": 1}}, "paths.local"),
        ("mnist", {"paht": "/x"}, "paht"),
    ],
)
def test_what_cannot_work_is_refused(
    owner: Caller, mnist: str, name: str, body: Any, field: str
) -> None:
    answer = put(owner, name, body)
    assert (answer.status, answer.json["field"]) == (422, field), answer.json


def test_members_read_and_strangers_do_not(
    member: Caller, viewer: Caller, stranger: Caller, nobody: Caller, mnist: str
) -> None:
    for caller in (member, viewer):
        assert [found["name"] for found in caller.get("/data").json] == ["lonely", "mnist"]
        assert put(caller, "x", {}).status == 403
        assert put(caller, "mnist", {"paths": {"local": ""}}).status == 403
        assert caller.delete("/data/mnist").status == 403
    assert stranger.get("/data").json == []
    for answer in (
        stranger.get("/data?workspace=main"),
        stranger.get("/data/mnist"),
        stranger.get("/data/mnist?workspace=main"),
        stranger.delete("/data/mnist?workspace=main"),
        put(stranger, "x", {}, "?workspace=main"),
    ):
        assert answer.status == 404
    assert nobody.get("/data").status == 401
    assert NamedData.objects.count() == 2


@pytest.fixture
def body(digest: str, run: Run, mnist: str) -> dict[str, Any]:
    return {"source": {"snapshot": digest}, "script": "train.py", "target": "local"}


def test_a_run_lists_or_mentions_what_it_needs(
    member: Caller, body: dict[str, Any], mnist: str
) -> None:
    for asked in (
        {"data": ["mnist", "mnist"]},
        {"arguments": ["--root=${data.mnist}/train"]},
        {"script": "", "command": ["ls", "${data.mnist}"]},
    ):
        made = member.post("/runs", body | asked)
        assert made.status == 201, made.json
        assert made.json["data"] == {"mnist": mnist}
    assert made.json["command"] == ["ls", "${data.mnist}"]
    assert member.post("/runs", body).json["data"] == {}
    assert member.post("/runs", body | {"arguments": ["$${data.x}"]}).json["data"] == {}


def test_a_submitted_run_keeps_its_path(
    owner: Caller, member: Caller, body: dict[str, Any], mnist: str
) -> None:
    made = member.post("/runs", body | {"data": ["mnist"]}).json
    owner.delete("/data/mnist")
    assert member.get(f"/runs/{made['id']}").json["data"] == {"mnist": mnist}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"data": ["mnits"]}, "data", "There is no data 'mnits': did you mean mnist?"),
        ({"data": ["lonely"]}, "data", "runyard data add lonely --target local --path"),
        ({"data": ["lonely"], "target": ""}, "target", "local does not have the data lonely"),
        ({"arguments": ["${data.lonely}"]}, "data", "local does not have the data lonely"),
        ({"arguments": ["${data.batch}"]}, "arguments", "double the dollar: $${data.…}"),
        ({"script": "", "command": ["ls", "${data.}"]}, "command", "There is no data ''"),
        ({"variables": {"RUNYARD_DATA_MNIST": "/x"}}, "variables", "list the data"),
    ],
)
def test_a_run_that_lacks_its_data_is_refused(
    member: Caller, body: dict[str, Any], change: Any, field: str, words: str
) -> None:
    before = Run.objects.count()
    answer = member.post("/runs", body | change)
    assert (answer.status, answer.json["field"]) == (422, field), answer.json
    assert words in answer.detail
    assert Run.objects.count() == before
