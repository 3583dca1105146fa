"""The one thing a place to run must be able to do: start a command over there, with pipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class TargetUnreachable(Exception):
    """The link is down or broke. What happened over there is not known; try again later."""


class TargetRefused(Exception):
    """The target answered and cannot do it; the same request would fail the same way again."""


class ImageMissing(TargetRefused):
    """The engine has no such image: fetching it may help."""

    def __init__(self, sentence: str, image: str) -> None:
        super().__init__(sentence)
        self.image = image


class Channel(Protocol):
    """Two byte streams to one command over there.

    Nothing here waits longer than it is told to. One thread may read while another
    writes, and any thread may close.
    """

    def read_exact(self, n: int, *, timeout_s: float) -> bytes:
        """The next `n` bytes of the command's standard output.

        Raises:
            TargetUnreachable: it ended first, or was silent for too long; the sentence
                carries the last line of its standard error.
        """
        ...

    def readable(self, *, timeout_s: float) -> bool:
        """Whether a read has something to take, or its end to find, within `timeout_s`."""
        ...

    def write(self, data: bytes | memoryview, *, timeout_s: float) -> None:
        """Hand all of `data` to the command's standard input.

        Raises:
            TargetUnreachable: it does not read any more, or not fast enough.
        """
        ...

    def wait(self, *, timeout_s: float) -> int | None:
        """The exit status, or None while it still runs after `timeout_s`."""
        ...

    def close(self) -> None:
        """End the command's input, then the command: nothing of the channel is left.

        What the command itself detached lives on. A read that waits in another thread
        ends with TargetUnreachable. Closing again changes nothing.
        """
        ...


class Transport(Protocol):
    """Starts commands in one place. Equal transports lead to the same place."""

    def popen(self, argv: Sequence[str]) -> Channel:
        """Start `argv` over there: these very words, through no shell that changes them.

        Raises:
            TargetUnreachable: the place does not answer.
            TargetRefused: the place answered, and the command cannot be started there.
        """
        ...
