"""Environments and their builds over REST."""

from __future__ import annotations

from typing import Any

import pytest

from compute.models import ComputeTarget
from environments.models import Build, BuildOrder, Lock
from runs.models import Run
from runs.stores import log_store
from tests.api.caller import Caller


@pytest.fixture
def build(run: Run) -> Build:
    version = run.environment_version
    lock = version.locks.first() or Lock.objects.create(
        version=version, python_version="3.11", platform="linux", text=""
    )
    return Build.objects.create(target=run.target, version=version, lock=lock, key="k")


def test_a_member_defines_versions(member: Caller) -> None:
    first = member.post("/environments", {"name": "mine", "requirements": "numpy\n"})
    assert (first.status, first.json["version"], first.json["kind"]) == (201, 1, "requirements")
    again = member.post("/environments", {"name": "mine", "requirements": "numpy\n"}).json
    assert again["version"] == 1
    second = member.post(
        "/environments", {"name": "mine", "requirements": "numpy\nscipy", "description": "more"}
    ).json
    assert (second["version"], second["description"]) == (2, "more")
    shown = member.get("/environments/mine").json
    assert [version["number"] for version in shown["versions"]] == [2, 1]
    assert "scipy" in shown["versions"][0]["requirements"]


def test_an_interpreter_of_ones_own(member: Caller) -> None:
    made = member.post("/environments", {"name": "own", "interpreter_path": "/opt/bin/python"}).json
    assert made["kind"] == "user-managed"
    (version,) = member.get("/environments/own").json["versions"]
    assert version["interpreter_path"] == "/opt/bin/python"
    assert version["requirements"] is None


def test_the_list_has_the_curated_ones(member: Caller, run: Run) -> None:
    found = {item["name"]: item for item in member.get("/environments").json}
    assert found["minimal"]["origin"] == "curated"
    assert found["minimal"]["version"] == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "e"}, "none was given"),
        ({"name": "e", "requirements": "x", "interpreter_path": "/p"}, "not both"),
        ({"name": "a b", "requirements": "x"}, "'a b' cannot name an environment"),
        ({"requirements": "x"}, "`name` is missing."),
        ({"name": "e", "requirements": ["x"]}, "`requirements` must be text"),
        ({"name": "e", "interpreter_path": "python3"}, "must be an absolute path"),
    ],
)
def test_what_cannot_work_is_refused(member: Caller, body: dict[str, Any], words: str) -> None:
    answer = member.post("/environments", body)
    assert answer.status == 422
    assert words in answer.detail


def test_viewers_and_strangers(
    viewer: Caller, stranger: Caller, nobody: Caller, build: Build
) -> None:
    body = {"name": "e", "requirements": "numpy"}
    assert viewer.get("/environments/minimal").status == 200
    assert viewer.post("/environments", body).status == 403
    assert viewer.get(f"/builds/{build.pk}").status == 200
    for answer in (
        stranger.get("/environments/minimal"),
        stranger.get("/environments/minimal?workspace=main"),
        stranger.get("/environments?workspace=main"),
        stranger.post("/environments?workspace=main", body),
        stranger.get(f"/builds/{build.pk}"),
        stranger.get(f"/builds/{build.pk}/log"),
    ):
        assert answer.status == 404
    for path in ("/environments", "/environments/minimal", f"/builds/{build.pk}"):
        assert nobody.get(path).status == 401


def test_a_build_and_its_log(member: Caller, build: Build) -> None:
    found = member.get(f"/builds/{build.pk}").json
    assert (found["status"], found["environment"], found["target"]) == (
        "queued",
        "minimal:1",
        "local",
    )
    log_store().append(f"build/{build.pk}/run.log", 0, b"collecting numpy\n")
    log = member.get(f"/builds/{build.pk}/log")
    assert log.content == b"collecting numpy\n"
    assert (log.headers["Runyard-Log-Size"], log.headers["Runyard-Log-Sealed"]) == ("17", "0")
    part = member.get(f"/builds/{build.pk}/log", headers={"Range": "bytes=-6"})
    assert (part.status, part.content) == (206, b"numpy\n")
    for number in ("0", "99999999999999999999999"):
        assert member.get(f"/builds/{number}").status == 404
    assert member.get("/builds/x").status == 422


def test_every_kind_comes_back_as_it_was_defined(member: Caller) -> None:
    bodies: list[dict[str, Any]] = [
        {"pyproject": '[project]\ndependencies = ["numpy"]\n[dependency-groups]\na = ["rich"]\n',
         "groups": ["a"], "python": "3.12"},
        {"conda": "channels: [x]\ndependencies: [pytorch=2.1]\n"},
        {"image": "python:3.12-slim", "variables": {"A": "1"}, "secrets": ["HF_TOKEN"]},
        {"dockerfile": "FROM python:3.12\n"},
        {"requirements": "pyspark\n", "spark_packages": ["a:b:1"],
         "spark_repositories": ["https://repo.example.org"]},
    ]  # fmt: skip
    made = [member.post("/environments", {"name": "e", **body}) for body in bodies]
    assert [answer.status for answer in made] == [201] * 5
    assert [len(answer.json["notes"]) for answer in made] == [0, 1, 0, 0, 0]
    versions = member.get("/environments/e").json["versions"][::-1]
    kinds = ["requirements", "requirements", "image", "dockerfile", "requirements"]
    assert [version["kind"] for version in versions] == kinds
    for body, version in zip(bodies, versions, strict=True):
        assert version.items() >= body.items()
    assert [version["requirements"] for version in versions[:3]] == [
        "numpy\nrich\n", "torch==2.1.*\n", None,
    ]  # fmt: skip


def test_another_environment_can_be_the_base(member: Caller, run: Run) -> None:
    made = member.post("/environments", {"name": "mine", "based_on": "scikit-learn"})
    assert made.status == 201, made.json
    changed = {"name": "mine", "based_on": "mine", "python": "3.12", "variables": {"A": "1"}}
    assert member.post("/environments", changed).json["version"] == 2
    second, first = member.get("/environments/mine").json["versions"]
    assert (first["based_on"], second["based_on"]) == ("scikit-learn:1", "mine:1")
    assert second["requirements"] == first["requirements"]
    assert "scikit-learn" in first["requirements"]
    assert (first["python"], second["python"]) == ("", "3.12")
    other = {"name": "other", "based_on": "mine", "image": "python:3.12", "python": ""}
    assert member.post("/environments", other).json["kind"] == "requirements"
    assert member.post("/environments", {"name": "x", "based_on": "y"}).status == 404


def test_a_build_context_is_a_snapshot_of_the_workspace(member: Caller, run: Run) -> None:
    body = {"name": "e", "dockerfile": "FROM a\nCOPY . .\n", "context": "ab" * 32}
    answer = member.post("/environments", body)
    assert (answer.status, answer.json["code"]) == (409, "snapshot_missing")
    assert answer.json["field"] == "context"
    known = member.post("/environments", {**body, "context": run.snapshot.digest})
    assert known.status == 201, known.json


def test_a_build_is_ordered_ahead(member: Caller, viewer: Caller, run: Run) -> None:
    name = run.environment_version.environment.name
    address = f"/environments/{name}/build"
    assert viewer.post(address, {"target": run.target.name}).status == 403
    ComputeTarget.objects.update(open_to_members=False)
    refused = member.post(address, {"target": run.target.name})
    ComputeTarget.objects.update(open_to_members=True)
    made = member.post(address, {"target": run.target.name, "rebuild": True})
    assert (refused.status, made.status) == (422, 202), (refused.json, made.json)
    assert made.json["environment"] == str(run.environment_version)
    assert (made.json["status"], made.json["build"]) == ("queued", None)
    shown = viewer.get(f"/environments/orders/{made.json['id']}")
    assert shown.json == made.json


def test_an_order_is_nothing_to_strangers(member: Caller, stranger: Caller, run: Run) -> None:
    order = BuildOrder.objects.create(version=run.environment_version, target=run.target)
    assert stranger.get(f"/environments/orders/{order.pk}").status == 404
    assert stranger.post("/environments/minimal/build", {"target": run.target.name}).status == 404
