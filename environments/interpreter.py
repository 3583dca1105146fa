"""The Python of a target that environments are made for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_GLIBC_LEVELS = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
"""The minor versions of glibc 2 that uv has a platform for."""


@dataclass(frozen=True)
class Interpreter:
    """One Python installation: two targets with equal ones can use the same lock."""

    path: str
    """The real path, never a link."""
    version: str
    """In full, like 3.11.7."""
    platform: str
    """As uv names platforms, like x86_64-manylinux_2_36."""

    @property
    def minor_version(self) -> str:
        """What packages are built for, like 3.11."""
        return ".".join(self.version.split(".")[:2])


def interpreter_from_facts(facts: Mapping[str, Any]) -> Interpreter:
    """The interpreter that runs the runner over there, from what `hello` answered."""
    return Interpreter(
        path=str(facts["python"]),
        version=str(facts["python_version"]),
        platform=platform_name(
            str(facts["platform"]), str(facts["machine"]), str(facts.get("libc") or "")
        ),
    )


def platform_name(system: str, machine: str, libc: str) -> str:
    """What uv calls a platform, rounded down to the C library that packages may rely on."""
    arch = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
    if system.lower() in {"darwin", "macos"}:
        return f"{arch}-apple-darwin"
    if "musl" in libc.lower():
        return f"{arch}-unknown-linux-musl"
    found = re.search(r"2\.(\d+)", libc)
    if found is None:
        return f"{arch}-unknown-linux-gnu"
    level = max((n for n in _GLIBC_LEVELS if n <= int(found[1])), default=_GLIBC_LEVELS[0])
    return f"{arch}-manylinux_2_{level}"
