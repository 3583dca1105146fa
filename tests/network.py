"""The network of this machine, which tests that run side by side share.

Chromium drops what it is loading, from loopback too, when an address of any interface comes or
goes: whoever changes one waits until no test has a page open.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.studio_process import shared_dir


@contextmanager
def steady() -> Iterator[None]:
    """No address comes or goes meanwhile."""
    with _held(fcntl.LOCK_SH):
        yield


@contextmanager
def changing() -> Iterator[None]:
    """No test with a page goes on meanwhile."""
    with _held(fcntl.LOCK_EX):
        yield


@contextmanager
def _held(how: int) -> Iterator[None]:
    with (shared_dir() / "network.lock").open("w") as lock:
        fcntl.flock(lock, how)
        yield
