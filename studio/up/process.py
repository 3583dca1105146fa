"""Processes known by pid, start time and boot: a number alone may be somebody else's by now."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PATIENCE_S = 10.0
_LOOK_S = 0.02


@dataclass(frozen=True)
class Identity:
    """One process, unmistakably."""

    pid: int
    started: str
    boot: str


def identify(pid: int) -> Identity | None:
    """Who has this pid now; None when nobody has."""
    started = _started(pid)
    return Identity(pid, started, _boot()) if started else None


def is_alive(who: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identify(who.pid) == who


def end(who: Identity, *, patience_s: float = _PATIENCE_S) -> None:
    """Ask the process to end, and kill it when it does not; anybody else's is left alone."""
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, patience_s)):
        if not is_alive(who):
            return
        try:
            os.kill(who.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + wait_s
        while is_alive(who) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)


def spawn(argv: Sequence[str], *, log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that ends when this process dies.

    Its output goes to the end of `log`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, preexec_fn=_end_with_parent, env=dict(env),  # noqa: PLW1509
        )


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _started(pid: int) -> str:
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
