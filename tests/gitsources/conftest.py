"""Repositories, and what fetches from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute.models import ComputeTarget
from environments.services.environments import environment_bootstrap_curated
from studio.models import User, Workspace
from tests.api.caller import Caller
from tests.gitsources.repositories import Fetcher, Repository
from tests.gitsources.servers import HttpsServer, SshServer, sshd


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hash is remembered from another test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One commit with a script, on the branch main."""
    made = Repository(tmp_path / "roots" / "ridge")
    made.commit(train__py="print('hello')\n")
    return made


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path / "studio")


@pytest.fixture
def https(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HttpsServer]:
    """Serves the repository by smart HTTP to who brings the password; its authority is trusted."""
    folder = tmp_path / "https"
    folder.mkdir()
    with HttpsServer(repository.path.parent, folder) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.authority))
        yield server


@pytest.fixture(scope="module")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def place(target: ComputeTarget, workspace: Workspace, tmp_path: Path, settings: Any) -> None:
    """A target, environments, and the repository's folder as the link root."""
    environment_bootstrap_curated(workspace=workspace)
    settings.LINK_ROOTS = [tmp_path / "roots"]


@pytest.fixture
def member(bob: User) -> Caller:
    return Caller(bob)


@pytest.fixture
def owner(alice: User) -> Caller:
    return Caller(alice)
