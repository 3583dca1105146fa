"""What is built on a target, over REST."""

from __future__ import annotations

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from environments.models import Build, BuildOrder, BuiltEnvironment, Lock
from runs.models import Run
from tests.api.caller import Caller

KEY = "ab12" * 16


@pytest.fixture
def built(run: Run) -> BuiltEnvironment:
    """An environment that a build made there."""
    version = run.environment_version
    lock = Lock.objects.create(version=version, python_version="3.11", platform="p", text="")
    fields = {"target": run.target, "version": version}
    Build.objects.create(lock=lock, key=KEY, status="ready", **fields)
    BuildOrder.objects.create(user=run.submitted_by, **fields)
    told = {"bytes": 9, "cache_bytes": 1, "measured_at": timezone.now().isoformat()}
    ComputeTarget.objects.update(environments_stock={"folder": told})
    return BuiltEnvironment.objects.create(target=run.target, key=KEY, size_bytes=8)


def test_what_is_there(member: Caller, viewer: Caller, run: Run, built: BuiltEnvironment) -> None:
    shelf = member.get("/targets/local/environments").json
    [found], [room], [order] = shelf["environments"], shelf["room"], shelf["orders"]
    assert (found["environment"], found["key"]) == (str(run.environment_version), KEY)
    assert (found["state"], found["bytes"], found["pinned"]) == ("ready", 8, False)
    assert (room["kind"], room["bytes"], room["bound_bytes"]) == ("folder", 9, 20 * 1024**3)
    assert (order["environment"], order["by"], order["error"]) == ("minimal:1", "bob", "")
    assert viewer.get("/targets/local/environments").json == shelf


@pytest.mark.parametrize("called", ["minimal:1", "minimal", KEY[:12], KEY])
def test_a_person_calls_it_by_version_or_key(
    called: str, member: Caller, built: BuiltEnvironment
) -> None:
    address = f"/targets/local/environments/{called}"
    assert member.patch(address, {"pinned": True}).json["environments"][0]["pinned"]
    assert member.delete(address).status == 204
    assert not BuiltEnvironment.objects.exists()
    assert member.delete(address).status == 404


def test_the_start_of_two_keys_is_refused(member: Caller, built: BuiltEnvironment) -> None:
    BuiltEnvironment.objects.create(target=built.target, key=f"{KEY[:10]}{'0' * 54}")
    refused = member.delete(f"/targets/local/environments/{KEY[:8]}")
    assert (refused.status, "Several environments on local begin with" in refused.detail) == (
        404,
        True,
    )
    assert BuiltEnvironment.objects.count() == 2


def test_others_change_nothing(
    viewer: Caller, stranger: Caller, nobody: Caller, built: BuiltEnvironment
) -> None:
    address = "/targets/local/environments/minimal"
    assert viewer.patch(address, {"pinned": True}).status == 403
    assert viewer.delete(address).status == 403
    for answer in (
        stranger.get("/targets/local/environments?workspace=main"),
        stranger.patch(f"{address}?workspace=main", {"pinned": True}),
        stranger.delete(f"{address}?workspace=main"),
    ):
        assert answer.status == 404
    assert nobody.get("/targets/local/environments").status == 401
    built.refresh_from_db()
    assert not built.is_pinned


def test_the_room_of_a_target(owner: Caller, target: ComputeTarget) -> None:
    assert owner.get("/targets/local").json["environments_gib"] == 20
    assert owner.patch("/targets/local", {"environments_gib": 7}).json["environments_gib"] == 7
    refused = owner.patch("/targets/local", {"environments_gib": -1})
    assert (refused.status, refused.json["field"]) == (422, "environments_gib")
