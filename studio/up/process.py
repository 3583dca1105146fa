"""Processes known by pid, start time and boot: a number alone may be somebody else's by now."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_LINUX = platform.system() == "Linux"
_LIBC = ctypes.CDLL(None) if _LINUX else None
_LOOK_S = 0.02
_LOG_BYTES = 5_000_000


@dataclass(frozen=True)
class Identity:
    """One process, unmistakably."""

    pid: int
    started: str
    boot: str


def identify(pid: int) -> Identity | None:
    """Who has this pid now; None when nobody has, or only a zombie."""
    started = _started(pid)
    return Identity(pid, started, _boot()) if started else None


def is_alive(who: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identify(who.pid) == who


def end_all(processes: Collection[Identity], *, patience_s: float) -> None:
    """Ask these processes to end, and kill those that have not after `patience_s`.

    Whoever has one of their numbers by now is left alone.
    """
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 5.0)):
        left = [who for who in processes if is_alive(who)]
        for who in left:
            _send(who, number)
        deadline = time.monotonic() + wait_s
        while any(map(is_alive, left)) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)


def spawn(
    argv: Sequence[str],
    *,
    folder: Path,
    log: Path,
    env: Mapping[str, str],
    keep: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child in `folder`, in a session of its own, that ends when this process dies.

    Its output goes to the end of `log`, of which one full predecessor is kept. `keep` are
    the file descriptors that it inherits.
    """
    with open_log(log) as output:
        return subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509  (no threads here)
            env=dict(env),
            pass_fds=tuple(keep),
        )


def open_log(log: Path) -> IO[bytes]:
    """The end of a child's log; one that grew too big is set aside."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


def name_process(name: str) -> None:
    """Be called so in `top` and the like, as far as 15 bytes go; only on Linux."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_NAME, name.encode()[:15])


def end_with_parent(parent: int) -> None:
    """In the child: be told when the parent dies, also when it did so a moment ago."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def _send(who: Identity, number: signal.Signals) -> None:
    try:
        os.kill(who.pid, number)
    except ProcessLookupError:
        return


def _started(pid: int) -> str:
    if _LINUX:
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
