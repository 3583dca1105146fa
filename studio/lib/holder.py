"""Who holds a lease, written into its token: a holder that is known to be dead holds nothing."""

from __future__ import annotations

import hashlib
import os
import secrets
from functools import cache
from pathlib import Path

_MACHINE, _PID, _STARTED = 8, 6, 10
"""Characters of each part; eight random ones come after them."""


def holder_token() -> str:
    """A fresh token (32 characters) that names this process.

    Where processes cannot be told for certain it names none, and its lease has to run out.
    """
    machine, started = _machine(), _started(os.getpid())
    if not machine or not started:
        return secrets.token_hex(16)
    return f"{machine}{os.getpid():0{_PID}x}{started:0{_STARTED}x}{secrets.token_hex(4)}"


def holder_is_gone(token: str) -> bool:
    """Whether the process that the token names was one of this machine and has ended."""
    machine, rest = token[:_MACHINE], token[_MACHINE:]
    if not rest or machine != _machine():
        return False
    started = int(rest[_PID : _PID + _STARTED], 16)
    return _started(int(rest[:_PID], 16)) != started


@cache
def _machine() -> str:
    """This boot of this machine, as far as pids reach: containers count for themselves."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        pids = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116  (a link that leads nowhere)
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}{pids}".encode()).hexdigest()[:_MACHINE]


def _started(pid: int) -> int:
    """When the process began, in ticks since the boot; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])
