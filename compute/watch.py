"""One stream from a target that carries the news of all its live tasks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from compute.contact import open_runner
from compute.endings import read_exit, read_seal
from compute.frames import Header, receive_frame, send_frame
from compute.place import Place
from compute.transports.base import TargetUnreachable

log = logging.getLogger(__name__)

_PING_S = 5.0
"""The runner ends when it hears nothing from us for 30 s."""
_SILENCE_S = 20.0
"""Each ping is answered, so a line that stays silent for so long is dead."""
_SAY_S = 10.0


@dataclass(frozen=True)
class Bytes:
    """The next bytes of one of a task's streams (run.log, metrics.jsonl, logs/x.txt ...)."""

    task: str
    stream: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Started:
    """The command runs, as started.json says."""

    task: str
    started: Mapping[str, Any]


@dataclass(frozen=True)
class Beat:
    """Every 2 s while anything of the task lives: each part "alive", "dead" or "none"."""

    task: str
    keeper: str
    sampler: str
    command: str


@dataclass(frozen=True)
class Settled:
    """So many outputs are new and stood still for 10 s."""

    task: str
    count: int


@dataclass(frozen=True)
class Ended:
    """It is over, and every byte of every stream has been sent.

    `exited` is None when nobody saw how it ended; `rebooted` tells whether that was
    because the target started anew.
    """

    task: str
    exited: Mapping[str, Any] | None
    sealed: Mapping[str, Any] | None
    streams: Mapping[str, int]
    rebooted: bool


@dataclass(frozen=True)
class Gone:
    """The task has no folder over there."""

    task: str


@dataclass(frozen=True)
class Short:
    """A stream is shorter over there than the offset that we follow it from."""

    task: str
    stream: str
    size: int


Event = Bytes | Started | Beat | Settled | Ended | Gone | Short


class Watch:
    """The stream of one place: iterate over it in one thread, steer it from any.

    A context manager. The iterator keeps the line alive by itself and ends when the watch
    is closed; what is watched goes on in any case.

    Raises:
        TargetUnreachable: the line broke or fell silent. What was not received comes
            again when a new watch follows from the offsets that were stored.
    """

    def __init__(self, place: Place) -> None:
        self._channel, self.runner_sha = open_runner(place, "watch", place.root)
        self._saying = threading.Lock()
        self._said_at = time.monotonic()
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream; a waiting iterator ends."""
        self._closed.set()
        self._channel.close()

    def follow(self, task: str, name: str, offsets: Mapping[str, int]) -> None:
        """Send news of `task`, which lies in folder `name`, from these offsets on (else 0)."""
        self._say({"op": "follow", "task": task, "name": name, "offsets": dict(offsets)})

    def unfollow(self, task: str) -> None:
        """Send no more news of `task`; what is under way may still arrive."""
        self._say({"op": "unfollow", "task": task})

    def rewind(self, task: str, stream: str, offset: int) -> None:
        """Send that stream again from `offset` on."""
        self._say({"op": "rewind", "task": task, "stream": stream, "offset": offset})

    def ping(self) -> None:
        """Tell the runner that somebody still listens."""
        self._say({"op": "ping"})

    def __iter__(self) -> Iterator[Event]:
        try:
            while not self._closed.is_set():
                self._await_news()
                event = _event(*receive_frame(self._channel, timeout_s=_SILENCE_S))
                if event is not None:
                    yield event
        except TargetUnreachable:
            if not self._closed.is_set():
                raise

    def _await_news(self) -> None:
        """Wait for the next frame; say a word meanwhile so that both sides know of each other."""
        patience = time.monotonic() + _SILENCE_S
        while True:
            if time.monotonic() - self._said_at >= _PING_S:
                self.ping()
            if self._channel.readable(timeout_s=_PING_S):
                return
            if time.monotonic() >= patience:
                raise TargetUnreachable(f"The target has been silent for {_SILENCE_S:.0f} s.")

    def _say(self, request: Header) -> None:
        with self._saying:
            send_frame(self._channel, request, timeout_s=_SAY_S)
            self._said_at = time.monotonic()


def _event(header: Header, payload: bytes) -> Event | None:
    """A frame as an event; None for what only says that the line stands."""
    kind, task = header.get("t"), header.get("task", "")
    if kind == "bytes":
        return Bytes(task, header["stream"], header["offset"], payload)
    if kind == "started":
        return Started(task, header["started"])
    if kind == "beat":
        return Beat(task, header["keeper"], header["sampler"], header["command"])
    if kind == "settled":
        return Settled(task, header["count"])
    if kind == "ended":
        return Ended(
            task,
            read_exit(header["exited"]),
            read_seal(header["sealed"]),
            header["streams"],
            bool(header.get("rebooted")),
        )
    if kind == "gone":
        return Gone(task)
    if kind == "short":
        return Short(task, header["stream"], header["size"])
    if kind == "error":  # a request of ours that makes no sense: the others go on
        log.warning("the target refused a request about %s: %s", task, header.get("error"))
    return None
