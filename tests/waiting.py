"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], *, timeout_s: float = 10.0, what: str = "") -> T:
    """The first true answer of `check`, asked again and again until the deadline.

    The dearer an answer is, the longer it waits for the next one: whoever is asked has a
    processor to share with what is waited for.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        asked = time.monotonic()
        answer = check()
        if answer:
            return answer
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or check}")
        time.sleep(min(max(0.01, 10 * (now - asked)), 0.25))
