"""Why builds are needed and how long they take, from earlier ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from environments.buildkey import KeyParts
from environments.history import build_progress, build_reason, build_took
from environments.models import Build, Environment, EnvironmentVersion, Lock
from studio.lib.spans import span_text
from studio.models import Workspace

pytestmark = pytest.mark.django_db

HERE = KeyParts(lock="1", python="/usr/bin/python3.11", python_version="3.11.7", platform="p")


class Builds:
    """Makes builds of one environment, each of its next version."""

    def __init__(self, workspace: Workspace) -> None:
        self.target = ComputeTarget.objects.create(workspace=workspace, name="gpu", kind="local")
        self.environment = Environment.objects.create(workspace=workspace, name="mine")

    def add(self, pins: str = "numpy==1.0\n", took_s: int = 40, **fields: Any) -> Build:
        number = self.environment.versions.count() + 1
        version = EnvironmentVersion.objects.create(
            environment=self.environment, number=number, spec={}, spec_digest=str(number)
        )
        lock = Lock.objects.create(version=version, python_version="3", platform="p", text=pins)
        parts = fields.pop("parts", HERE)
        now = timezone.now()
        values: dict[str, Any] = {"status": Build.Status.READY, "key": str(number)}
        values |= {"started_at": now - timedelta(seconds=took_s), "ended_at": now}
        return Build.objects.create(
            target=self.target,
            version=version,
            lock=lock,
            key_parts=parts.to_json(),
            **values | fields,
        )


@pytest.fixture
def builds(workspace: Workspace) -> Builds:
    return Builds(workspace)


def test_a_first_build_says_so(builds: Builds) -> None:
    assert build_reason(build=builds.add()) == "It is the first of mine on gpu."


def test_changed_packages_are_named(builds: Builds) -> None:
    last = builds.add("numpy==1.0\nsix==1.0\n")
    new = builds.add("idna==3.0\nnumpy==2.0\n", parts=KeyParts(**{**HERE.to_json(), "lock": "2"}))
    assert build_reason(build=new) == (
        f"Since build {last.pk}, idna was added, numpy 1.0 became 2.0, six was removed."
    )
    pins = "".join(f"p{number}==1.0\n" for number in range(5))
    many = builds.add(pins, parts=KeyParts(**{**HERE.to_json(), "lock": "3"}))
    assert build_reason(build=many).endswith(" and 4 more packages.")


def test_another_python_is_named(builds: Builds) -> None:
    builds.add()
    new = builds.add(parts=KeyParts(**{**HERE.to_json(), "python_version": "3.11.8"}))
    assert (
        "Python 3.11.7 at /usr/bin/python3.11 became Python 3.11.8 at /usr/bin/python3.11"
        in build_reason(build=new)
    )


def test_what_was_removed_is_told_apart_from_what_is_damaged(builds: Builds) -> None:
    last = builds.add()
    again = builds.add()
    assert build_reason(build=again) == (
        f"What build {last.pk} made is gone from gpu; nothing else changed."
    )
    assert build_reason(build=builds.add(cause="It is damaged.")) == "It is damaged."


def test_how_long_it_takes_is_known_from_builds_that_ended_well(builds: Builds) -> None:
    first = builds.add(took_s=130)
    builds.add(took_s=1, status=Build.Status.FAILED)
    assert build_took(version=first.version, target=builds.target) == pytest.approx(130)
    running = builds.add(took_s=80, status=Build.Status.RUNNING, ended_at=None)
    said = build_progress(build=running)
    assert said == " (1 min 20 s so far, usually takes 2 min 10 s there)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (40, "40 s"), (80, "1 min 20 s"), (120, "2 min"), (7500, "2 h 5 min")],
)
def test_lengths_of_time_in_words(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
