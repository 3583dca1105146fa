"""Versions of environments over REST."""

from __future__ import annotations

import pytest

from environments.models import Build, Environment, EnvironmentVersion, Lock, LockUpdate
from runs.models import Run
from tests.api.caller import Caller

PLACE = {"python_version": "3.11", "platform": "linux"}
MAC = {"python_version": "3.12", "platform": "mac"}


@pytest.fixture
def versions(member: Caller, run: Run) -> list[EnvironmentVersion]:
    for text in ("six\n", "six\nnumpy\n"):
        assert member.post("/environments", {"name": "mine", "requirements": text}).status == 201
    first, second = EnvironmentVersion.objects.filter(environment__name="mine").order_by("number")
    Lock.objects.create(version=first, text="six==1.16 \\\n    --hash=sha256:a\n", **PLACE)
    Lock.objects.create(version=second, text="numpy==2.0\nsix==1.17\n", **PLACE)
    Lock.objects.create(version=second, text="numpy==2.1\nsix==1.17\n", **MAC)
    return [first, second]


def test_versions_tell_labels_locks_and_uses(
    member: Caller, versions: list[EnvironmentVersion], run: Run
) -> None:
    Run.objects.update(environment_version=versions[0])
    assert member.put("/environments/mine/labels/prod", {"version": 1}).json == {
        "label": "prod",
        "version": 1,
    }
    shown = member.get("/environments/mine:prod").json
    assert (shown["name"], shown["version"]) == ("mine", 1)
    second, first = shown["versions"]
    assert (first["labels"], second["labels"]) == (["prod"], ["latest"])
    assert (first["runs"], second["runs"], first["created_by"]) == (1, 0, "bob")
    assert [(lock["platform"], lock["packages"]) for lock in second["locks"]] == [
        ("linux", 2),
        ("mac", 2),
    ]
    assert member.delete("/environments/mine/labels/prod").status == 204
    assert member.get("/environments/mine:prod").status == 404
    assert member.delete("/environments/mine/labels/prod").status == 404


def test_a_lock_is_downloaded(member: Caller, versions: list[EnvironmentVersion]) -> None:
    assert member.get("/environments/mine:1/lock").content.startswith(b"six==1.16 \\\n    --hash")
    assert b"numpy==2.1" in member.get("/environments/mine/lock").content
    assert b"numpy==2.0" in member.get("/environments/mine/lock?python=3.11").content
    none = member.get("/environments/mine/lock?platform=windows")
    assert (none.status, "there are those for Python 3.12 on mac; Python 3.11" in none.detail) == (
        404,
        True,
    )


def test_two_versions_are_compared(member: Caller, versions: list[EnvironmentVersion]) -> None:
    found = member.get("/environments/mine:1/diff?to=mine:2").json
    assert (found["old"], found["new"]) == ("mine:1", "mine:2")
    (part,) = found["definition"]
    assert part["label"] == "Packages"
    assert {"sign": "+", "text": "numpy"} in part["lines"]
    (lock,) = found["locks"]
    assert lock["packages"] == [
        {"name": "numpy", "old": "", "new": "2.0", "kind": "added"},
        {"name": "six", "old": "1.16", "new": "1.17", "kind": "changed"},
    ]
    assert member.get("/environments/mine/diff?to=minimal").json["new"] == "minimal:1"
    assert member.get("/environments/mine/diff?to=none").status == 404
    assert member.get("/environments/mine/diff").status == 422


def test_out_of_use_and_back(member: Caller, versions: list[EnvironmentVersion]) -> None:
    assert member.post("/environments/mine:2/archive").status == 204
    assert member.get("/environments/mine").json["version"] == 1
    assert member.post("/environments/mine/archive").status == 204
    assert "mine" not in [e["name"] for e in member.get("/environments").json]
    (only,) = member.get("/environments?archived=true").json
    assert (only["name"], only["archived_at"] is None) == ("mine", False)
    for name in ("mine", "mine:2"):
        assert member.post(f"/environments/{name}/restore").status == 204
    assert member.get("/environments/mine").json["version"] == 2


def test_what_is_used_is_not_deleted(
    member: Caller, versions: list[EnvironmentVersion], run: Run
) -> None:
    Run.objects.update(environment_version=versions[0])
    refused = member.delete("/environments/mine:1")
    assert (refused.status, "1 run uses it" in refused.detail) == (422, True)
    assert member.delete("/environments/mine:2").status == 204
    Run.objects.all().delete()
    assert member.delete("/environments/mine").status == 204
    assert not Environment.objects.filter(name="mine").exists()


def test_newer_packages(member: Caller, versions: list[EnvironmentVersion]) -> None:
    begun = member.post("/environments/mine/updates")
    assert (begun.status, begun.json["status"], begun.json["version"]) == (202, "queued", "mine:2")
    address = f"/environments/mine/updates/{begun.json['id']}"
    assert "still being resolved" in member.post(f"{address}/apply").detail
    found = [{**PLACE, "text": "numpy==2.0\nsix==1.18\n"}]
    LockUpdate.objects.update(status="ready", locks=found)
    (lock,) = member.get(address).json["locks"]
    assert lock["packages"] == [{"name": "six", "old": "1.17", "new": "1.18", "kind": "changed"}]
    made = member.post(f"{address}/apply")
    assert (made.status, made.json["status"], made.json["made"]) == (201, "applied", "mine:3")
    assert member.get("/environments/mine").json["versions"][0]["updates"] == 2
    assert member.get(address.replace("mine", "minimal")).status == 404


def test_builds_are_listed(member: Caller, versions: list[EnvironmentVersion], run: Run) -> None:
    for version, status in zip(versions, ("ready", "running"), strict=True):
        lock = version.locks.first()
        Build.objects.create(
            target=run.target, version=version, lock=lock, key=str(version.pk), status=status
        )

    def found(query: str) -> list[str]:
        return [build["environment"] for build in member.get(f"/builds?{query}").json]

    assert found("") == ["mine:2", "mine:1"]
    assert found("status=live") == found("status=running") == ["mine:2"]
    assert found("environment=mine:1") == ["mine:1"]
    assert found("environment=mine&target=local&limit=1") == ["mine:2"]
    assert found("target=none") == found("environment=mine:x") == []
    newest = member.get("/builds").json[0]["id"]
    assert found(f"before={newest}") == ["mine:1"]
    assert member.get("/builds?status=odd").status == 422


CHANGES = (
    ("PUT", "/environments/mine/labels/prod"),
    ("DELETE", "/environments/mine/labels/prod"),
    ("POST", "/environments/mine/archive"),
    ("POST", "/environments/mine:1/restore"),
    ("POST", "/environments/mine/updates"),
    ("DELETE", "/environments/mine:1"),
    ("DELETE", "/environments/mine"),
)


def test_viewers_look_and_strangers_learn_nothing(
    viewer: Caller, stranger: Caller, nobody: Caller, versions: list[EnvironmentVersion]
) -> None:
    update = LockUpdate.objects.create(version=versions[1], status="ready")
    looks = ("/environments/mine:1", "/environments/mine/lock", "/environments/mine/diff?to=mine:1",
             f"/environments/mine/updates/{update.pk}", "/builds")  # fmt: skip
    for path in looks:
        assert viewer.get(path).status == 200
        assert nobody.get(path).status == 401
    assert [stranger.get(path).status for path in looks] == [404, 404, 404, 404, 200]
    assert stranger.get("/builds").json == []
    assert stranger.get("/builds?workspace=main").status == 404
    apply = f"/environments/mine/updates/{update.pk}/apply"
    for method, path in (*CHANGES, ("POST", apply)):
        body = {"version": 1} if method == "PUT" else None
        for caller, status in ((viewer, 403), (stranger, 404)):
            call = {"PUT": caller.put, "POST": caller.post}.get(method)
            answer = call(path, body) if call else caller.delete(path)
            assert answer.status == status, path
    assert EnvironmentVersion.objects.filter(environment__name="mine").count() == 2
