"""What is built on a target, on its page: who may keep and remove it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from environments.models import Build, BuildOrder, BuiltEnvironment
from studio.models import AuditEvent
from tests.pages.visitor import Visitor

GIB = 1024**3


@pytest.fixture
def built(build: Build) -> BuiltEnvironment:
    """What the build made, as it was found when somebody looked at the target."""
    now = timezone.now()
    told = {"bytes": 3 * GIB, "cache_bytes": 500_000_000, "measured_at": now.isoformat()}
    ComputeTarget.objects.update(environments_stock={"folder": told}, environments_gib=4)
    return BuiltEnvironment.objects.create(
        target=build.target, key=build.key, size_bytes=2_400_000_000, used_at=now
    )


def test_the_page_shows_what_is_built_and_the_room_it_takes(
    member: Visitor, viewer: Visitor, build: Build, built: BuiltEnvironment
) -> None:
    shown = member.get("/targets/local/").text
    assert "Environments here 3.0 of 4 GiB (500 MB cached packages) builds" in shown
    assert f"{build.version} build {build.pk} ready 2.4 GB just now Pin" in shown
    looked = viewer.get("/targets/local/")
    assert (f"{build.version} build" in looked.text, "Unpin" in looked.text) == (True, False)
    assert "environments/k/" not in looked.html


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"fault": "A file of it was changed."}, "A file of it was changed. damaged"),
        ({"used_by": ["run/4/1"]}, "in use"),
    ],
)
def test_its_state_is_one_word(
    fields: dict[str, object], words: str, member: Visitor, built: BuiltEnvironment
) -> None:
    BuiltEnvironment.objects.update(**fields)
    assert f"{words} 2.4 GB" in member.get("/targets/local/").text


def test_what_a_newer_generation_replaced_is_said(
    member: Visitor, build: Build, built: BuiltEnvironment
) -> None:
    Build.objects.update(base_key="b")
    fields = {"target": build.target, "version": build.version, "base_key": "b", "status": "ready"}
    Build.objects.create(key="k2", generation=1, **fields)
    assert "replaced 2.4 GB" in member.get("/targets/local/").text


def test_pinning_and_its_undo(member: Visitor, built: BuiltEnvironment) -> None:
    page = member.post("/targets/local/environments/k/pin/", {"pinned": "1"})
    assert page.location == "/targets/local/"
    shown = member.get(page.location).text
    assert "k stays, however little room there is. Undo" in shown
    assert "pinned ready" in shown
    member.post("/targets/local/environments/k/pin/", {"pinned": "0"})
    built.refresh_from_db()
    assert not built.is_pinned


def test_removing_asks_the_target_itself(
    member: Visitor, built: BuiltEnvironment, target: ComputeTarget
) -> None:
    page = member.post("/targets/local/environments/k/remove/")
    assert page.location == "/targets/local/"
    assert "the next run that needs it builds it again" in member.get(page.location).text
    assert not BuiltEnvironment.objects.exists()
    assert AuditEvent.objects.filter(action="environment.remove").exists()
    gone = member.post("/targets/local/environments/k/remove/")
    assert (gone.status, "There is no environment k on local any more" in gone.text) == (404, True)


def test_orders_are_shown_until_a_build_does(member: Visitor, build: Build) -> None:
    waits = BuildOrder.objects.create(version=build.version, target=build.target, user=member.user)
    BuildOrder.objects.create(version=build.version, target=build.target, build=build)
    said = f"{build.version} ordered on local just now by bob"
    for path in ("/targets/local/", "/builds/", "/builds/?target=local&status=live"):
        assert member.get(path).text.count(said) == 1, path
    for path in ("/builds/?target=moon", "/builds/?status=ready", "/builds/?environment=other"):
        assert "ordered on" not in member.get(path).text
    ended = {"ended_at": timezone.now(), "error": "It needs Python 2."}
    BuildOrder.objects.exclude(pk=waits.pk).delete()
    BuildOrder.objects.filter(pk=waits.pk).update(**ended)
    assert "It needs Python 2." in member.get("/builds/").text


def test_the_room_is_set_with_the_target(
    owner: Visitor, target: ComputeTarget, tmp_path: Path
) -> None:
    given = {"name": "local", "root": target.config["root"], "slots": "1", "build_slots": "1"}
    page = owner.post("/targets/local/edit/", given | {"environments_gib": "-1"})
    assert "-1 GiB cannot be the room for built environments" in page.text
    owner.post("/targets/local/edit/", given | {"environments_gib": "0"})
    target.refresh_from_db()
    assert target.environments_gib == 0
    assert "no bound for built environments" in owner.get("/targets/local/").text
