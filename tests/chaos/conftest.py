"""One real studio for tests that break what comes back, one for each that breaks more.

`scripts` is what its runs execute.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.studio_process import Studio, migrate_once

COUNT = """
import sys, time
n, pause = int(sys.argv[1]), float(sys.argv[2])
for i in range(n):
    print("line", i)
    time.sleep(pause)
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
print("up", flush=True)
time.sleep(600)
"""
LINGER = """
import subprocess, sys
chatty = "import time\\nwhile True: print('still here'); time.sleep(0.05)"
subprocess.Popen([sys.executable, "-c", chatty], start_new_session=True)
print("bye")
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A script directory: count.py N PAUSE, stubborn.py, linger.py."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "count.py").write_text(COUNT)
    (folder / "stubborn.py").write_text(STUBBORN)
    (folder / "linger.py").write_text(LINGER)
    return folder


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A studio for this test alone: it may be killed."""
    with plain_studio(tmp_path / "data") as studio:
        yield studio


@pytest.fixture(scope="package")
def shared_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio for tests that harm it for no longer than they last, and leave no run alive."""
    with plain_studio(tmp_path_factory.mktemp("studio") / "data") as studio:
        yield studio


@contextmanager
def plain_studio(data_dir: Path) -> Iterator[Studio]:
    """A studio with four slots and the environment `here` (the tests' own Python)."""
    migrate_once(data_dir)
    with Studio(data_dir, port=free_port(), link_root=data_dir.parent) as studio:
        make_plain_environment(studio)
        studio.api("/targets/local", {"slots": 4}, method="PATCH")
        yield studio


def make_plain_environment(studio: Studio) -> None:
    """An environment that needs no build, so that tests are about what they are about."""
    answer = studio.cli("env", "create", "here", "--interpreter", sys.executable)
    assert answer.code == 0, answer.stderr.decode()
