"""Targets over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compute.backends import KINDS
from compute.models import ComputeTarget
from studio.services import instance_key
from tests.api.caller import Caller
from tests.api.conftest import MakeRun
from tests.runs.test_leftovers import lay


@pytest.fixture
def body(tmp_path: Path) -> dict[str, Any]:
    return {"name": "second", "kind": "local", "config": {"root": str(tmp_path / "second")}}


def test_the_owner_registers_changes_and_deletes(
    owner: Caller, target: ComputeTarget, body: dict[str, Any]
) -> None:
    made = owner.post("/targets", body)
    assert made.status == 201
    assert (made.json["slots"], made.json["health"], made.json["busy"]) == (1, "unknown", 0)
    changed = owner.patch("/targets/second", {"slots": 3, "enabled": False}).json
    assert (changed["slots"], changed["enabled"], changed["name"]) == (3, False, "second")
    assert [found["name"] for found in owner.get("/targets").json] == ["local", "second"]
    assert owner.delete("/targets/second").status == 204
    assert owner.get("/targets/second").status == 404


def test_a_test_fills_in_the_facts(owner: Caller, body: dict[str, Any]) -> None:
    owner.post("/targets", body)
    tested = owner.post("/targets/second/test").json
    assert tested["health"] == "ready"
    assert tested["facts"]["cores"] >= 1
    [change] = owner.get("/targets/second").json["health_changes"]
    assert (change["health"], change["reason"]) == ("ready", "")


def test_how_busy_it_is(owner: Caller, make_run: MakeRun) -> None:
    make_run(status="running")
    make_run()
    make_run()
    found = owner.get("/targets/local").json
    assert (found["busy"], found["queued"]) == (1, 2)


def test_members_look_and_strangers_do_not(
    member: Caller, stranger: Caller, nobody: Caller, target: ComputeTarget, body: dict[str, Any]
) -> None:
    assert member.get("/targets/local").json["name"] == "local"
    assert member.post("/targets", body).status == 403
    assert member.patch("/targets/local", {"slots": 9}).status == 403
    assert member.delete("/targets/local").status == 403
    for answer in (
        stranger.get("/targets/local"),
        stranger.get("/targets/local?workspace=main"),
        stranger.get("/targets?workspace=main"),
        stranger.post("/targets?workspace=main", body),
        stranger.patch("/targets/local?workspace=main", {"slots": 9}),
        stranger.delete("/targets/local?workspace=main"),
        stranger.post("/targets/local/test?workspace=main"),
    ):
        assert answer.status == 404
    assert stranger.get("/targets").json == []
    assert nobody.get("/targets").status == 401
    target.refresh_from_db()
    assert target.slots == 2


def test_pausing_and_resuming(
    owner: Caller, member: Caller, stranger: Caller, target: ComputeTarget
) -> None:
    paused = owner.post("/targets/local/pause", {"drain": True}).json
    assert (paused["paused_by"], paused["draining"]) == ("owner", True)
    assert paused["paused_at"]
    again = owner.post("/targets/local/pause", {}).json
    assert (again["paused_at"], again["draining"]) == (paused["paused_at"], False)
    for action in ("pause", "resume"):
        assert member.post(f"/targets/local/{action}", {}).status == 403
        assert stranger.post(f"/targets/local/{action}?workspace=main", {}).status == 404
    assert owner.post("/targets/local/resume").json["paused_at"] is None


def test_viewers_test_nothing(viewer: Caller, target: ComputeTarget) -> None:
    assert viewer.post("/targets/local/test").status == 403


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": "local"}, "name", "There is a target 'local' already"),
        ({"name": "a b"}, "name", "'a b' cannot name a target"),
        ({"kind": "moon"}, "kind", "'moon' is no kind of compute target"),
        ({"slots": 0}, "slots", "0 slots cannot be kept"),
        ({"slots": "x"}, "slots", "`slots` must be a whole number, not 'x'."),
        ({"config": {"root": "here"}}, "root", "'here' is not an absolute path"),
        ({"config": {}}, "root", "Folder is missing"),
        ({"config": {"root": 1}}, "config.root", "`config.root` must be text, not 1."),
        ({"solts": 2}, "solts", "`solts` is not known here"),
    ],
)
def test_what_cannot_work_is_refused(
    owner: Caller, target: ComputeTarget, body: dict[str, Any], change: Any, field: str, words: str
) -> None:
    answer = owner.post("/targets", body | change)
    assert (answer.status, answer.json["field"]) == (422, field), answer.json
    assert words in answer.detail
    assert ComputeTarget.objects.count() == 1


def test_a_target_with_runs_stays(owner: Caller, make_run: MakeRun) -> None:
    make_run()
    answer = owner.delete("/targets/local")
    assert answer.status == 422
    assert "cannot be deleted" in answer.detail


def test_leftovers_are_listed_for_members_and_cleaned_by_admins(
    owner: Caller,
    member: Caller,
    viewer: Caller,
    stranger: Caller,
    nobody: Caller,
    target: ComputeTarget,
) -> None:
    folder = lay(target, f"{instance_key()}-run-900-1")
    path, clean = "/targets/local/leftovers", "/targets/local/leftovers/clean"
    for who in (owner, member, viewer):
        (found,) = who.get(path).json
        assert (found["kind"], found["name"]) == ("folder", folder.name)
        assert found["bytes"] >= 100_000
    for who, status in ((member, 403), (viewer, 403), (nobody, 401)):
        assert who.post(clean, {}).status == status
    assert stranger.get(f"{path}?workspace=main").status == 404
    assert stranger.post(f"{clean}?workspace=main", {}).status == 404
    refused = owner.post(clean, {"names": ["folder:other"]})
    assert "'folder:other' is no leftover of local" in refused.detail
    assert folder.exists()
    cleaned = owner.post(clean, {"names": [f"folder:{folder.name}"]}).json
    assert [one["name"] for one in cleaned["removed"]] == [folder.name]
    assert (cleaned["kept"], owner.get(path).json) == ([], [])


def test_each_kind_tells_its_settings_with_their_help(viewer: Caller, nobody: Caller) -> None:
    kinds = {kind["kind"]: kind for kind in viewer.get("/target-kinds").json}
    assert set(kinds) == set(KINDS)
    for kind in kinds.values():
        assert all(setting["help"] for setting in kind["settings"])
    needed = [s["name"] for s in kinds["docker"]["settings"] if s["is_required"]]
    assert needed == ["address", "image"]
    assert nobody.get("/target-kinds").status == 401
