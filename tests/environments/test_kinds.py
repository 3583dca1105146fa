"""Environments of every kind on a real local target."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Unpack

import pytest

from compute.models import ComputeTarget
from compute.session import Session
from environments.models import Build, EnvironmentVersion
from environments.pythons import pythons_found
from environments.services import Building, EnvironmentState, Failed, Ready, environment_create
from environments.spec import Definition
from studio.models import User, Workspace
from tests.environments.registry import Registry
from tests.environments.test_builds import Studio, messages, studio

__all__ = ["messages", "studio"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("messages")]


def define(studio: Studio, **definition: Unpack[Definition]) -> EnvironmentVersion:
    return environment_create(
        user=studio.user, workspace=studio.workspace, name="mine", **definition
    )


def refused(state: EnvironmentState) -> str:
    assert isinstance(state, Failed), state
    assert state.build is None
    return state.sentence


def test_a_wanted_python_makes_the_environment(studio: Studio, registry: Registry) -> None:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    others = [
        found
        for found in pythons_found(studio.session.facts) or []
        if found.minor_version not in {own, "3.6", "3.7"}
    ]
    wanted = others[0].minor_version if others else own  # many machines have but one
    registry.wheel("tool")
    plain = studio.ready(define(studio, requirements="tool"))
    other = studio.ready(define(studio, requirements="tool", python=wanted, variables={"A": "1"}))
    version = "import sys, tool; print('%d.%d' % sys.version_info[:2])"
    told = [subprocess.check_output([env.python, "-c", version]) for env in (plain, other)]
    assert told == [f"{own}\n".encode(), f"{wanted}\n".encode()]
    assert other.variables == {"A": "1", "VIRTUAL_ENV": other.path}
    assert Build.objects.values_list("key", flat=True).distinct().count() == (2 if others else 1)
    newest = Build.objects.first()
    assert newest is not None
    assert newest.lock is not None
    assert newest.lock.python_version == wanted
    same = studio.ready(define(studio, requirements="tool", python=f"=={wanted}.*"))
    assert same == other.__class__(other.path, other.python, other.bin, {"VIRTUAL_ENV": other.path})


def test_a_python_that_is_not_there_is_refused_with_those_that_are(studio: Studio) -> None:
    said = refused(studio.ensure(define(studio, requirements="", python="3.39")))
    assert said.startswith("The environment mine:1 wants Python 3.39, and local has ")
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in said
    range_said = refused(studio.ensure(define(studio, requirements="", python=">=3.38")))
    assert "uv python install" not in range_said


def test_images_are_for_docker(studio: Studio) -> None:
    for definition in ({"image": "python:3.12"}, {"dockerfile": "FROM python:3.12\n"}):
        version = define(studio, **definition)  # type: ignore[misc]
        assert "local has no Docker" in refused(studio.ensure(version))


def test_an_interpreter_of_ones_own_is_given_variables(studio: Studio) -> None:
    version = define(studio, interpreter_path="python", spark_packages=["a:b:1"])
    state = studio.ensure(version)
    assert isinstance(state, Ready)
    assert state.variables == {"PYSPARK_SUBMIT_ARGS": "--packages a:b:1 pyspark-shell"}


def test_conda_builds_what_no_index_has(
    studio: Studio,
    target: ComputeTarget,
    session: Session,
    registry: Registry,
    tmp_path: Path,
    member: User,
    workspace: Workspace,
) -> None:
    """A small script stands for micromamba: the same words, the same result on disk."""
    tool = tmp_path / "micromamba"
    tool.write_text(
        f'#!/bin/sh\nset -e\ncat "$6"\nexec {sys.executable} -m venv --without-pip "$4"\n'
    )
    tool.chmod(0o755)
    target.facts = {"conda": str(tool)}
    target.save()
    version = define(studio, conda="dependencies: [python=3.11, r-base]\n")
    assert version.spec["kind"] == "conda"
    assert "neither micromamba nor conda" in refused(studio.ensure(version))
    session.facts["conda"] = str(tool)
    state = studio.ensure(version)
    assert isinstance(state, Building)
    build = studio.finish(state.build)
    assert (build.status, build.error, build.lock) == ("ready", "", None)
    assert "dependencies: [python=3.11, r-base]" in studio.log(build)
    ready = studio.ensure(version)
    assert isinstance(ready, Ready)
    assert ready.variables == {"CONDA_PREFIX": ready.path}
    assert Path(ready.python).exists()
