"""A workspace with a local target, and a registry that lies in a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings
from uv import find_uv_bin

from compute.models import ComputeTarget
from compute.place import Place
from compute.session import Session
from environments.catalog import Template
from environments.interpreter import Interpreter, platform_name
from studio.models import Membership, Role, User, Workspace
from tests.compute.places import place_under
from tests.environments.registry import Registry
from tests.studio_process import package_cache


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry(tmp_path / "registry")
    for name, value in registry.variables.items():
        monkeypatch.setenv(name, value)
    return registry


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter(
        path="/usr/bin/python3.11",
        version="3.11.7",
        platform=platform_name("linux", "x86_64", "glibc 2.36"),
    )


@pytest.fixture(scope="session")
def curated_python(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Template], Path]:
    """A Python with exactly what a template's lock holds; each is made once.

    Out of the cache that builds in this session share, with the bytecode that they made.
    """

    @cache
    def make(template: Template) -> Path:
        folder = tmp_path_factory.mktemp(template.name)
        lock, python = folder / "lock.txt", folder / "venv" / "bin" / "python"
        lock.write_text(template.lock)
        sync = ["pip", "sync", "--require-hashes", "--allow-empty-requirements"]
        for arguments in (
            ["venv", "--python", sys.executable, folder / "venv"],
            [*sync, "--python", python, lock],
        ):
            done = subprocess.run(
                [find_uv_bin(), *arguments],
                env={**os.environ, "UV_CACHE_DIR": str(package_cache())},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        return python

    return make


@pytest.fixture
def workspace(db: None, settings: Settings, tmp_path: Path) -> Workspace:
    settings.DATA_DIR = tmp_path / "data"
    return Workspace.objects.create(slug="main", name="team")


@pytest.fixture
def member(workspace: Workspace) -> User:
    user = User.objects.create_user("ada")
    Membership.objects.create(user=user, workspace=workspace, role=Role.CONTRIBUTOR)
    return user


@pytest.fixture
def viewer(workspace: Workspace) -> User:
    user = User.objects.create_user("eve")
    Membership.objects.create(user=user, workspace=workspace, role=Role.VIEWER)
    return user


@pytest.fixture
def stranger(workspace: Workspace) -> User:
    return User.objects.create_user("mallory")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with place_under(tmp_path) as place:
        yield place


@pytest.fixture
def session(place: Place, registry: Registry) -> Iterator[Session]:
    with Session(place) as session:
        yield session


@pytest.fixture
def target(workspace: Workspace, place: Place) -> ComputeTarget:
    return ComputeTarget.objects.create(
        workspace=workspace, name="local", kind="local", config={"root": place.root}
    )
