"""Environments as pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from environments.models import (
    Build,
    BuildOrder,
    BuiltEnvironment,
    Lock,
)
from environments.selectors import version_get
from environments.services import (
    environment_bootstrap_curated,
    environment_create,
    environment_pick,
)
from runs.models import Run
from studio.models import User, Workspace
from tests.pages.visitor import Visitor


@pytest.fixture(autouse=True)
def curated(workspace: Workspace) -> None:
    environment_bootstrap_curated(workspace=workspace)


def test_the_list(member: Visitor, workspace: Workspace) -> None:
    environment_pick(workspace=workspace, name="", folder_requirements="numpy\n")
    page = member.get("/environments/")
    assert "Boosted trees" in page.text
    assert "scikit-learn version 1 Classic machine learning" in page.text
    assert ", 677 MB begin from it" in page.text
    assert "Java 17 or newer on the target." in page.text
    assert "Made from folders that brought their own requirements.txt" in page.text


def test_a_curated_one_shows_its_lock(member: Visitor) -> None:
    page = member.get("/environments/scikit-learn/")
    assert "Python 3.11 and newer on every platform" in page.text
    assert "numpy==" in page.text
    assert "New version" not in page.text


def test_one_that_is_not_there_is_not_found(member: Visitor) -> None:
    page = member.get("/environments/scikit-lern/")
    assert page.status == 404
    assert "did you mean scikit-learn?" in page.text
    assert member.get("/new/environment/", {"from": "none"}).status == 404


def test_a_failed_build_says_why(member: Visitor, build: Build) -> None:
    Build.objects.filter(pk=build.pk).update(status="failed", error="No such <package>.")
    assert "No such <package>." in member.get(f"/builds/{build.pk}/").text
    assert "No such <package>." in member.get("/environments/minimal/").text


def test_a_build_that_is_held_up_says_so(member: Visitor, viewer: Visitor, build: Build) -> None:
    held_up = "Its container is paused on the engine."
    Build.objects.filter(pk=build.pk).update(status="running", held_up=held_up)
    for visitor in (member, viewer):
        assert held_up in visitor.get(f"/builds/{build.pk}/").text
        assert f"held up {build.version} local" in visitor.get("/builds/").text


def test_a_queued_build_is_canceled(member: Visitor, build: Build) -> None:
    Build.objects.filter(pk=build.pk).update(status="queued")
    assert "Cancel" in member.get(f"/builds/{build.pk}/").text
    member.post(f"/builds/{build.pk}/cancel/")
    build.refresh_from_db()
    assert build.status == "canceled"


def test_the_list_tells_the_last_build_and_the_runs(
    member: Visitor, workspace: Workspace, run: Run
) -> None:
    version, _ = environment_pick(workspace=workspace, name="", folder_requirements="numpy\n")
    lock = Lock.objects.create(version=version, python_version="3.11", platform="linux", text="")
    for key, status in (("a", "ready"), ("b", "failed")):
        Build.objects.create(target=run.target, version=version, lock=lock, key=key, status=status)
    Run.objects.filter(pk=run.pk).update(environment_version=version)
    name = version.environment.name
    assert f"{name} version 1 failed on local 1" in member.get("/environments/").text


def test_a_build_says_why_and_is_made_anew_from_its_page(
    member: Visitor, viewer: Visitor, build: Build
) -> None:
    address = reverse("runs:build", args=[build.pk])
    name = build.version.environment.name
    assert f"It is the first of {name} on local." in member.get(address).html
    assert "Rebuild" not in viewer.get(address).html
    BuiltEnvironment.objects.create(
        target=build.target, key=build.key, fault="One file is damaged."
    )
    assert "One file is damaged. The next run builds it anew." in member.get(address).html
    assert member.post(reverse("runs:build_rebuild", args=[build.pk])).status == 302
    order = BuildOrder.objects.get()
    assert (order.version, order.target, order.is_rebuild) == (build.version, build.target, True)


def test_a_version_is_built_ahead_from_its_page(
    member: Visitor, viewer: Visitor, workspace: Workspace, run: Run
) -> None:
    assert "Build it there now" not in viewer.get("/environments/scikit-learn/").text
    assert "Build it there now" in member.get("/environments/scikit-learn/").text
    member.post("/environments/scikit-learn/1/build/", {"target": "local"})
    order = BuildOrder.objects.get()
    assert (str(order.version), order.target.name) == ("scikit-learn:1", "local")
    assert member.post("/environments/scikit-learn/1/build/", {"target": "moon"}).status == 404


def test_an_order_that_no_build_tells_of_is_shown(
    member: Visitor, stranger: Visitor, workspace: Workspace, run: Run, bob: User
) -> None:
    version = version_get(workspace=workspace, reference="scikit-learn")
    order = BuildOrder.objects.create(version=version, target=run.target, user=bob)
    for address in ("/builds/", "/builds/?status=live", "/environments/scikit-learn/"):
        assert "scikit-learn:1 ordered on local" in member.get(address).text, address
    for address in ("/builds/?status=failed", "/builds/?environment=minimal"):
        assert "ordered on" not in member.get(address).text, address
    assert "ordered on" not in stranger.get("/builds/").text
    BuildOrder.objects.update(error="No <such> package.", ended_at=timezone.now())
    assert "and not begun: No <such> package." in member.get("/builds/?status=failed").text
    again = BuildOrder.objects.create(version=version, target=run.target, user=bob)
    assert "No <such>" not in member.get("/builds/").text, "the newer order counts"
    again.delete()
    BuildOrder.objects.update(ended_at=timezone.now() - timedelta(days=2))
    assert "ordered on" not in member.get("/builds/").text
    lock = Lock.objects.create(version=version, python_version="3.11", platform="p", text="")
    build = Build.objects.create(target=run.target, version=version, lock=lock, key="k")
    BuildOrder.objects.filter(pk=order.pk).update(ended_at=None, error="", build=build)
    assert "ordered on" not in member.get("/builds/").text


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"image": "python:3.12"}, "The image python:3.12 as it is, on Docker targets."),
        ({"dockerfile": "FROM python:3.12\n"}, "made by this Dockerfile, on Docker targets"),
        ({"conda": "dependencies: [python=3.11, six]\n"}, "Translated from an environment.yml."),
        ({"pyproject": "[project]\ndependencies = ['six'] # <why>\n"}, "['six'] # <why>"),
        ({"requirements": "six\n", "python": "3.12"}, "Python 3.12"),
        ({"requirements": "six\n"}, "It has not been built anywhere"),
        ({"interpreter_path": "/usr/bin/python3"}, "There is nothing to build"),
        ({"requirements": "six\n", "variables": {"OMP_NUM_THREADS": "1"}}, "OMP_NUM_THREADS=1"),
    ],
)
def test_a_definition_says_what_it_is(
    member: Visitor, workspace: Workspace, bob: User, definition: dict[str, Any], said: str
) -> None:
    environment_create(user=bob, workspace=workspace, name="mine", **definition)
    page = member.get("/environments/mine/")
    assert said in page.text
    assert "No packages" not in page.text
