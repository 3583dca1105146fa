"""Children that begin as a copy of this process: what it has loaded, they have and share.

Only where a fork by itself is sound: on Linux, from a process without threads. On macOS the
system's own libraries do not survive one, so there each part is started anew.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path

from studio.up.process import end_with_parent, name_process, open_log

CAN_FORK = sys.platform == "linux"
_WISHES = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Forked:
    """A child, with what the supervisor asks of a `subprocess.Popen`."""

    process: ForkProcess

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process.pid is not None  # noqa: S101  (it was started)
        return self.process.pid

    def poll(self) -> int | None:
        """Its exit code, or less than 0 for a signal; None while it lives."""
        return self.process.exitcode

    def wait(self) -> int | None:
        """Wait until it has ended."""
        self.process.join()
        return self.process.exitcode


def fork(
    work: Callable[[], object],
    *,
    name: str,
    log: Path,
    env: Mapping[str, str],
    keep: Collection[int] = (),
) -> Forked:
    """Start a child that does `work`, in a session of its own, and ends when this process dies.

    As with `spawn`, its output goes to `log` and it inherits no descriptor but `keep`. Nobody
    may have a connection open here that its other end knows: both would speak over it.
    """
    with open_log(log) as output:
        kept = {0, 1, 2, *keep}

        def begin() -> None:
            _become(parent, name=name, output=output.fileno(), kept=kept, env=env)
            work()

        parent = os.getpid()
        process = multiprocessing.get_context("fork").Process(target=begin, daemon=True)
        # a wish to stop must not meet the parent's answer to it in the child
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WISHES)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return Forked(process)


def _become(
    parent: int, *, name: str, output: int, kept: Collection[int], env: Mapping[str, str]
) -> None:
    """In the child: be a process like one that was started anew."""
    os.setsid()
    name_process(name)
    os.environ.clear()
    os.environ.update(env)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # covered, not closed: an object that believes a number to be its own would close it later,
    # when somebody else has it
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if number not in kept and number != nothing and _is_open(number):
            os.dup2(nothing, number, inheritable=False)
    for wish in _WISHES:
        signal.signal(wish, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WISHES)
    end_with_parent(parent)


def _is_open(number: int) -> bool:
    """The descriptor with which the list was read is closed by now."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
