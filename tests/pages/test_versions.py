"""Versions of environments, and builds, as pages."""

from __future__ import annotations

import html
import re

import pytest

from environments.models import Build, Environment, Lock, LockUpdate
from environments.services import environment_bootstrap_curated
from runs.models import Run
from studio.models import Workspace
from tests.pages.visitor import Visitor


@pytest.fixture(autouse=True)
def curated(workspace: Workspace) -> None:
    environment_bootstrap_curated(workspace=workspace)


@pytest.fixture
def mine(member: Visitor) -> Environment:
    """Two versions, each locked."""
    for text in ("six", "six\nnumpy"):
        given = {"name": "mine", "kind": "requirements", "requirements": text}
        assert member.post("/new/environment/", given).status == 302
    made = Environment.objects.get(name="mine")
    place = {"python_version": "3.11", "platform": "linux"}
    for version, text in zip(made.versions.order_by("number"), ("six==1\n", "numpy==2\nsix==1\n"),
                             strict=True):  # fmt: skip
        version.locks.create(text=text, **place)
    return made


def test_versions_are_labelled(member: Visitor, mine: Environment) -> None:
    page = member.post("/environments/mine/1/label/", {"label": "prod"})
    assert page.location == "/environments/mine/1/"
    shown = member.get(page.location)
    assert "mine:prod means version 1 now." in shown.text
    assert "version 2 latest 2 0" in shown.text
    assert "version 1 prod 1 0" in shown.text
    assert member.post("/environments/mine/1/label/", {"label": "latest"}).status == 422
    page = member.post("/environments/mine/unlabel/", {"label": "prod"})
    assert "The label prod is removed" in member.get(page.location).text
    assert member.get("/environments/mine/7/").status == 404


def test_two_versions_are_compared(member: Visitor, mine: Environment) -> None:
    page = member.get("/compare/environments/", {"from": "mine:1", "to": "mine"})
    assert "From mine:1 to mine:2" in page.text
    assert "numpy — 2 added" in page.text
    assert "The same in both" not in page.text
    same = member.get("/compare/environments/", {"from": "mine", "to": "mine:2"})
    assert "The same in both." in same.text
    assert "The same packages in the same versions." in same.text
    wrong = member.get("/compare/environments/", {"from": "mine:x", "to": "mine"})
    assert (wrong.status, "no version or label 'x'" in wrong.text) == (404, True)


def test_each_version_is_offered_to_compare_with_another(
    member: Visitor, mine: Environment
) -> None:
    for path, other in (("/environments/mine/", "mine:1"), ("/environments/mine/1/", "mine:2")):
        (chosen,) = re.findall(r'<input[^>]*name="from"[^>]*checked', member.get(path).html)
        assert f'value="{other}"' in chosen


def test_a_lock_is_a_file(member: Visitor, mine: Environment) -> None:
    lock = Lock.objects.get(version__environment=mine, version__number=2)
    page = member.get(f"/environments/mine/2/locks/{lock.pk}/")
    assert page.content == b"numpy==2\nsix==1\n"
    assert page.headers["Content-Disposition"] == 'attachment; filename="requirements.lock.txt"'
    assert member.get(f"/environments/mine/1/locks/{lock.pk}/").status == 404
    assert f"/environments/mine/2/locks/{lock.pk}/" in member.get("/environments/mine/").html


def test_what_is_archived_says_so_and_comes_back(member: Visitor, mine: Environment) -> None:
    page = member.post("/environments/mine/2/archive/", {"archived": "1"})
    assert "Version 2 was archived just now" in member.get(page.location).text
    assert "Version 1 latest" in member.get("/environments/mine/").text
    member.post("/environments/mine/archive/", {"archived": "1"})
    assert "mine" not in member.get("/environments/").text.split("Own")[1]
    assert "mine" in member.get("/environments/", {"archived": "1"}).text
    shown = member.get("/environments/mine/")
    assert "new runs in it are refused until it is restored" in shown.text
    assert "Submit a run with it" not in shown.text
    assert "New version" not in shown.text
    member.post("/environments/mine/archive/", {"archived": "0"})
    assert "Submit a run with it" in member.get("/environments/mine/").text


def test_deleting_says_what_goes_or_why_not(member: Visitor, mine: Environment, run: Run) -> None:
    version = mine.versions.get(number=1)
    Run.objects.update(environment_version=version)
    page = member.get("/environments/mine/1/delete/")
    assert "mine:1 cannot be deleted: 1 run uses it" in page.text
    assert "/runs/?q=environment%3Amine%3A1" in page.html
    assert member.post("/environments/mine/1/delete/").status == 422
    assert (
        "No run uses it. Its number is not given" in member.get("/environments/mine/2/delete/").text
    )
    assert member.post("/environments/mine/2/delete/").location == "/environments/mine/"
    used = member.get("/environments/mine/")
    assert "ridge 1 just now" in used.text
    Run.objects.all().delete()
    assert member.post("/environments/mine/delete/").location == "/environments/"
    assert not Environment.objects.filter(name="mine").exists()


def test_newer_packages_are_shown_then_made(member: Visitor, mine: Environment) -> None:
    page = member.post("/environments/mine/2/update/")
    assert "resolving" in member.get(page.location).text
    assert "0 of 1 lock" in member.get(f"{page.location}live/").text
    found = [{"python_version": "3.11", "platform": "linux", "text": "numpy==3\nsix==1\n"}]
    LockUpdate.objects.update(status="ready", locks=found)
    assert "numpy 2 3 changed" in member.get(page.location).text
    made = member.post(f"{page.location}confirm/")
    assert made.location == "/environments/mine/3/"
    assert "The definition of version 2 with newer packages" in member.get(made.location).text
    assert member.get(page.location).location == ("/compare/environments/?from=mine:2&to=mine:3")


def test_a_viewer_is_offered_no_changes(viewer: Visitor, mine: Environment) -> None:
    page = viewer.get("/environments/mine/")
    for word in ("Archive", "Delete", "Update packages", "Label version", "New version"):
        assert word not in page.text
    assert "begin from it" not in viewer.get("/environments/").text
    assert viewer.get("/environments/mine/delete/").status == 403


def test_builds_are_listed_and_filtered(member: Visitor, build: Build) -> None:
    assert f"build {build.pk} ready minimal:1 local" in member.get("/builds/").text
    for query, is_there in (
        ({"status": "ready"}, True), ({"status": "live"}, False), ({"target": "local"}, True),
        ({"environment": "minimal:1"}, True), ({"environment": "minimal:2"}, False),
        ({"before": str(build.pk)}, False), ({"before": "x"}, True),
    ):  # fmt: skip
        for path in ("/builds/", "/live/builds/"):
            assert (f"build {build.pk}" in member.get(path, query).text) == is_there, query


def test_many_builds_have_pages(member: Visitor, build: Build) -> None:
    rest = {"target": build.target, "version": build.version, "lock": build.lock}
    Build.objects.bulk_create(Build(key=str(n), status="ready", **rest) for n in range(55))
    page = member.get("/builds/", {"status": "ready"})
    (older,) = re.findall(r'href="([^"]+before=\d+)"', page.html)
    assert f"build {build.pk} " in member.get(html.unescape(older)).text
