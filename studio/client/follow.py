"""Seeing a run through to its end: why it waits, the build log, its log, how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from studio.client.errors import Refused, Unreachable
from studio.client.http import Connection, Response, with_query
from studio.client.options import say
from studio.client.screen import Nothing, Terminal

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

    from studio.client.screen import Text

    Screen = Terminal | Text | Nothing

QUIET_S = 30.0
"""The studio says something at least every 10 s: after so long the connection is dead."""
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 5.0
_BEYOND = 1 << 50
"""An offset behind the end of any log: nothing of it is sent."""


class Items:
    """The items of a follow stream: a line of JSON each, some with bytes behind it."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._held = b""

    def next(self) -> dict[str, Any]:
        """The next item.

        Raises:
            OSError: the stream ended before the run did.
        """
        while b"\n" not in self._held:
            self._held += self._more()
        line, _, self._held = self._held.partition(b"\n")
        item: dict[str, Any] = json.loads(line)
        return item

    def payload(self, size: int, write: Callable[[bytes], None]) -> None:
        """Hand on the `size` bytes behind an item, each as soon as it is here."""
        while size:
            data = self._held or self._more()
            taken, self._held = data[:size], data[size:]
            size -= len(taken)
            write(taken)

    def _more(self) -> bytes:
        data = self._response.read1()
        if not data:
            raise ConnectionResetError("the stream ended early")
        return data


class Watcher:
    """What one follower has seen so far, so that it can go on after a broken connection."""

    def __init__(
        self, studio: Connection, run_id: int, screen: Screen, *, stream: str = "run.log"
    ) -> None:
        self.studio, self.run_id, self.screen, self.stream = studio, run_id, screen, stream
        self.offset = 0 if screen.shows_log else _BEYOND
        self.build_offset = 0
        self.build: int | None = None
        self._said = ""
        self._is_lost = False

    def watch(self) -> dict[str, Any]:
        """Follow to the end, through lost connections: the run as it ended.

        Raises:
            Refused: the studio no longer shows it to us.
        """
        pause = _FIRST_PAUSE_S
        while True:
            before = (self.offset, self.build_offset, self._said)
            try:
                return self._watch_once()
            except Unreachable as error:
                if (self.offset, self.build_offset, self._said) != before:
                    pause = _FIRST_PAUSE_S
                if not self._is_lost:
                    self._is_lost = True
                    self.screen.tell(f"{error} The run goes on; trying again.")
            except Refused as error:
                if error.status < 500:
                    raise
            time.sleep(pause)
            pause = min(_LAST_PAUSE_S, pause * 2)

    def _watch_once(self) -> dict[str, Any]:
        path = with_query(
            f"/runs/{self.run_id}/follow",
            stream=self.stream,
            offset=self.offset,
            build=self.build,
            build_offset=self.build_offset if self.build else None,
        )
        items = Items(self.studio.request("GET", path, timeout_s=QUIET_S))
        try:
            while True:
                item = items.next()
                if self._is_lost:
                    self._is_lost = False
                    self.screen.tell("Connected again.")
                if item["t"] == "end":
                    return item
                self._take(item, items)
        except (OSError, ValueError) as error:
            raise self.studio.lost(error) from error

    def _take(self, item: dict[str, Any], items: Items) -> None:
        kind = item["t"]
        if kind == "run":
            self._explain(item)
        elif kind == "log":
            self.offset = item["offset"]
            items.payload(item["bytes"], self._log_bytes)
        elif kind == "build":
            self.build, self.build_offset = item["build"], item["offset"]
            items.payload(item["bytes"], self._build_bytes)

    def _explain(self, run: dict[str, Any]) -> None:
        """Say why it waits, once for each reason; most runs that run speak for themselves."""
        if run["status"] not in {"queued", "preparing", "running"} or not run["waiting"]:
            return
        said = f"run {self.run_id} is {run['status']}: {run['waiting']}"
        known, self._said = self._said, said
        if self._said != known:
            self.screen.waits(said)

    def _log_bytes(self, data: bytes) -> None:
        self.screen.log(data)
        self.offset += len(data)

    def _build_bytes(self, data: bytes) -> None:
        self.screen.build(data)
        self.build_offset += len(data)


def stay(
    studio: Connection, run_id: int, *, stream: str = "run.log", quiet: bool = False
) -> dict[str, Any] | None:
    """Stay with a run to its end, and say so if it did not complete.

    None after Ctrl-C, which leaves the run alone.
    """
    try:
        screen = Nothing() if quiet else Terminal()
        run = Watcher(studio, run_id, screen, stream=stream).watch()
    except KeyboardInterrupt:
        say(
            f"\nLeft run {run_id}, which goes on. Follow it with `runyard logs {run_id} --follow`, "
            f"end it with `runyard cancel {run_id}`."
        )
        return None
    if run["status"] != "completed" and not quiet:
        say(f"run {run_id} {run['status']}: {run['reason_sentence']}")
        if run["error"] not in {"", run["reason_sentence"]}:
            say(f"  {run['error']}")
    return run


def exit_code(run: dict[str, Any]) -> int:
    """What a command that waited exits with: the run's own code, or 1 when it has none.

    A run that did not complete never gives 0, whatever its command exited with.
    """
    code: int = run["exit_code"] or 0
    return code if run["status"] == "completed" else code or 1
