"""Finding a docker command that can build with BuildKit, without which no secret stays out."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_BUILT_IN = range(18, 23)
"""The major versions that speak with BuildKit by themselves; later ones need buildx."""
_ANSWER_S = 10


@lru_cache(maxsize=4)
def docker_cli(named: str, search: str) -> str:
    """The path of a docker command with BuildKit: the named one, else one from a PATH; "" for none.

    Asked once for each pair: what is installed later is found after the next start.
    """
    return next((path for path in _candidates(named, search) if _can_build(path)), "")


def _candidates(named: str, search: str) -> Iterator[str]:
    if named:
        yield named
        return
    for folder in search.split(os.pathsep):
        path = Path(folder) / "docker"
        if folder and os.access(path, os.X_OK):
            yield str(path)


def _can_build(path: str) -> bool:
    found = re.search(r"version (\d+)\.", _answer(path, "--version"))
    return bool(found and int(found[1]) in _BUILT_IN) or "buildx" in _answer(
        path, "buildx", "version"
    )


def _answer(*argv: str) -> str:
    """What a command prints when it succeeds."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=_ANSWER_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
