"""How soon environments can be used on a target, and why not at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from environments.buildkey import KeyParts
from environments.interpreter import interpreter_from_facts
from environments.models import Build, BuiltEnvironment, EnvironmentVersion, Lock
from environments.outlook import environments_readiness
from environments.packages import environment_cards
from environments.services import environment_create
from studio.models import User, Workspace

pytestmark = pytest.mark.django_db

FACTS = {"python": "/usr/bin/python3.11", "python_version": "3.11.7", "platform": "linux",
         "machine": "x86_64", "libc": "glibc 2.36"}  # fmt: skip
OWN = interpreter_from_facts(FACTS)
HERE = KeyParts(python=OWN.path, python_version=OWN.version, platform=OWN.platform)


class World:
    """A target on which versions of one environment are built."""

    def __init__(self, workspace: Workspace, user: User) -> None:
        self.workspace, self.user = workspace, user
        self.target = ComputeTarget.objects.create(
            workspace=workspace, name="gpu", kind="local", facts=FACTS
        )

    def version(self, pins: str = "", **definition: Any) -> EnvironmentVersion:
        definition = definition or {"requirements": "numpy"}
        made = environment_create(
            user=self.user, workspace=self.workspace, name="mine", **definition
        )
        if pins:
            Lock.objects.create(version=made, python_version="3.11", platform="p", text=pins)
        return made

    def build(self, version: EnvironmentVersion, took_s: int = 40, **fields: Any) -> Build:
        now = timezone.now()
        parts = fields.pop("parts", HERE)
        values: dict[str, Any] = {
            "target": self.target,
            "version": version,
            "lock": version.locks.first(),
            "key": f"key{Build.objects.count()}",
            "key_parts": parts.to_json(),
            "status": Build.Status.READY,
            "started_at": now - timedelta(seconds=took_s),
            "ended_at": now,
        }
        return Build.objects.create(**values | fields)

    def told(self) -> tuple[str, str]:
        cards = environment_cards(workspace=self.workspace)
        found = environments_readiness(target=self.target, cards=cards)["mine"]
        return found.word, found.sentence


@pytest.fixture
def world(workspace: Workspace, bob: User) -> World:
    return World(workspace, bob)


def test_what_was_never_built_is_built_on_first_use(world: World) -> None:
    version = world.version()
    assert world.told() == ("queued", "built on first use")
    elsewhere = ComputeTarget.objects.create(workspace=world.workspace, name="cpu", kind="local")
    world.build(version, took_s=80, target=elsewhere)
    assert world.told() == ("queued", "built on first use, about 1 min 20 s")


def test_what_is_built_or_being_built_says_so(world: World) -> None:
    build = world.build(world.version(), status=Build.Status.RUNNING, ended_at=None)
    assert world.told() == ("preparing", "being built on gpu")
    Build.objects.filter(pk=build.pk).update(status="ready", ended_at=timezone.now())
    assert world.told() == ("ready", "ready on gpu")
    Build.objects.filter(pk=build.pk).update(status="failed")
    assert world.told() == ("queued", "built on first use")


def test_a_version_that_came_after_names_the_packages_that_changed(world: World) -> None:
    world.build(world.version("numpy==1.0\nsix==1.0\n"))
    world.version("numpy==2.0\nsix==1.0\n", requirements="numpy>=2")
    assert world.told() == (
        "queued",
        "built on first use, about 40 s: since version 1, numpy 1.0 became 2.0",
    )
    world.version(requirements="numpy>=3")
    assert world.told()[1].endswith(": its definition changed since version 1")


def test_another_python_on_the_target_is_named(world: World) -> None:
    old = KeyParts(**{**HERE.to_json(), "python_version": "3.11.2"})
    world.build(world.version(), parts=old)
    assert world.told()[1].endswith(": Python 3.11.2 became 3.11.7 there")
    Build.objects.update(key_parts=KeyParts(**{**HERE.to_json(), "steps": "venv 1"}).to_json())
    assert world.told()[1].endswith(": Runyard makes environments in another way now")


def test_what_was_removed_or_is_damaged_is_built_again(world: World) -> None:
    build = world.build(world.version())
    kept = BuiltEnvironment.objects.create(target=world.target, key=build.key)
    world.target.environments_stock = {"folder": {"measured_at": timezone.now().isoformat()}}
    world.target.save()
    assert world.told() == ("ready", "ready on gpu")
    BuiltEnvironment.objects.update(fault="One file is damaged.")
    assert world.told() == ("queued", "built on first use, about 40 s: One file is damaged")
    kept.delete()
    assert world.told()[1].endswith(": it was removed since")


def test_a_target_that_cannot_have_it_says_why(world: World) -> None:
    world.version(image="python:3.12")
    word, sentence = world.told()
    assert (word, "gpu has no Docker" in sentence) == ("faulty", True)
    world.version(interpreter_path="/opt/python")
    assert world.told() == ("ready", "nothing to install")


def test_an_image_that_was_only_fetched_is_no_environment(world: World) -> None:
    ComputeTarget.objects.update(kind="docker")
    world.target.refresh_from_db()
    pulled = KeyParts(image="python:3.12", steps="pull 1")
    version = world.version(requirements="numpy", image="python:3.12")
    world.build(version, parts=pulled, on_studio=True)
    assert world.told()[0] == "queued"
    world.build(world.version(image="python:3.12"), parts=pulled, on_studio=True)
    assert world.told()[0] == "ready"


def test_many_environments_take_few_queries(
    world: World, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        for text in ("numpy", "six"):
            made = environment_create(
                user=world.user, workspace=world.workspace, name=f"e{number}", requirements=text
            )
            Lock.objects.create(version=made, python_version="3.11", platform="p", text="a==1")
            if text == "numpy":
                world.build(made)
    cards = environment_cards(workspace=world.workspace)
    with django_assert_max_num_queries(3):
        found = environments_readiness(target=world.target, cards=cards)
    assert all("since version 1" in each.sentence for each in found.values())
