"""A place that was in touch with a studio before: the runner lies there, and its bytecode."""

from __future__ import annotations

import os
import py_compile
import shutil
import tempfile
from functools import cache
from pathlib import Path

from compute.contact import runner_source
from tests.studio_process import shared_dir


def bring_runner(root: Path) -> None:
    """Spare whoever asks there first to send and to compile what is the same for all tests."""
    folder = root / "runner"
    folder.mkdir(mode=0o700, parents=True)
    shutil.copytree(_kept(), folder / runner_source()[1])


@cache
def _kept() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="runner-", dir=shared_dir()))
    file = folder / "runner.py"
    file.write_bytes(runner_source()[0])
    py_compile.compile(os.fspath(file), doraise=True)
    return folder
