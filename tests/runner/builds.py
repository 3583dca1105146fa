"""Environments as tests of the runner order and build them, as the studio does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.runner.rig import Header, Target

UV = str(Path(sys.executable).parent / "uv")


def order(target: Target, lock: str, cache: Path, **fields: object) -> Header:
    return {
        "path": str(target.root / "envs" / "key-1"),
        "key": "key-1",
        "python": sys.executable,
        "uv": UV,
        "cache": str(cache),
        "requirements": lock,
        **fields,
    }


def start_build(target: Target, build: Header, name: str, **variables: str) -> None:
    """As the studio does: a task whose command is the runner itself."""
    folder = target.folder(name)
    argv = target.argv("build", str(folder))
    # the indexes that this machine is set up with reach uv by its variables
    env = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_"))}
    spec = target.spec(*argv, cwd=".", env={**env, **variables})
    answer = target.session().ask("start", name=name, spec=spec, build=build)
    assert "started" in answer, answer


def build_it(target: Target, build: Header, name: str, **variables: str) -> tuple[Header, str]:
    start_build(target, build, name, **variables)
    exited = target.wait_for(name, "exited.json", timeout_s=60)
    return exited, (target.folder(name) / "run.log").read_text()
