"""One real studio for all tests of this folder: they submit, wait and look."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio_process import TOP, Studio, migrate_once, share_packages


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with the environment `here` (the tests' own Python) and four slots."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data_dir = tmp_path_factory.mktemp("studio") / "data"
    migrate_once(data_dir)
    share_packages(data_dir)
    with Studio(data_dir, port=port, link_root=tmp_path_factory.getbasetemp()) as studio:
        answer = studio.cli("env", "create", "here", "--interpreter", sys.executable)
        assert answer.code == 0, answer.stderr.decode()
        studio.api("/targets/local", {"slots": 4}, method="PATCH")
        yield studio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty script directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


EXAMPLE = TOP / "runs" / "examples" / "ridge-diabetes"
