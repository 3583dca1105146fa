"""A studio to talk to, with bob's login; worker and monitor are played by the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import digest, make_run, member, run, stranger
from tests.serving import serving

__all__ = ["digest", "make_run", "member", "run", "stranger"]

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without anything in it, and nothing known from the environment."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("RUNYARD_URL", "RUNYARD_TOKEN", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNYARD_DATA_DIR", str(folder / "no-studio"))
    return folder


@pytest.fixture
def url(redis_server: str, home: Path) -> Iterator[str]:
    """A web server on the test's own database."""
    with serving() as address:
        yield address


@pytest.fixture
def as_bob(url: str, member: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line speaks for bob."""
    monkeypatch.setenv("RUNYARD_URL", url)
    monkeypatch.setenv("RUNYARD_TOKEN", member.token)
    return member


Command = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def runyard(url: str) -> Iterator[Command]:
    """Starts `runyard` with these words, as a process that ends before the web server does."""
    started: list[subprocess.Popen[bytes]] = []

    def command(*words: str, **more: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "studio.client.command", *words],
            env={**os.environ, "PYTHONPATH": str(TOP)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **more,
        )
        started.append(process)
        return process

    yield command
    for process in started:
        process.kill()
        process.communicate()
