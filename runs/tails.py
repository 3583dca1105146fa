"""The live end of a log, drawn once for everybody who follows it.

A tail is the last two clusters of a log as HTML, and what changed in them since it was looked at
before. Lines that came and went between two looks are not in it: who wants them asks for their
clusters. So a flood costs a follower no more than 400 lines a look, and a hundred followers cost
one drawing. That is why the lines come drawn, and not as bytes that each page draws for itself.
"""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import Any
from weakref import WeakValueDictionary

from runs.clusters import Cluster, LogLines
from runs.logs import LogStore

LOOK_S = 0.1
BAR_S = 0.25
"""A progress bar that only overwrites itself is shown four times a second at most."""


class LogTail:
    """The end of one log, brought up to date by whoever asks."""

    def __init__(self, store: LogStore, key: str, times: str = "") -> None:
        self._store, self._key, self._times = store, key, times
        self._seen: tuple[int, int, bool] | None = None
        self._elements: dict[int, str] = {}
        self._total = 0
        self.version = 0
        self.drawings = 0
        self.size = 0
        self.is_sealed = False
        self.is_bar = False
        """Whether all that changed was a row that was there before."""
        self.whole = self.news = ""
        """As messages: all of the tail, and what is new since the version before."""

    def refresh(self) -> bool:
        """Look at the log: whether anything changed."""
        sealed = self._store.sealed(self._key) is not None
        seen = self._store.size(self._key), self._size_of_times(), sealed
        if seen == self._seen:
            return False
        self._draw(LogLines(self._store, self._key, self._times))
        self._seen = seen
        return True

    def _size_of_times(self) -> int:
        return self._store.size(self._times) if self._times else 0

    def _draw(self, lines: LogLines) -> None:
        self.drawings += 1
        clusters = lines.tail()
        elements = numbered(clusters)
        known = self._elements
        start = next((n for n in elements if known.get(n) != elements[n]), lines.total + 1)
        self.whole = json.dumps(message(lines, elements, min(elements, default=1)))
        self.news = json.dumps(message(lines, elements, start))
        self.is_bar = bool(elements) and start in known and start == max(elements)
        self._elements, self._total = elements, lines.total
        self.size, self.is_sealed = lines.size, lines.is_sealed
        self.version += 1


def numbered(clusters: list[Cluster]) -> dict[int, str]:
    """The rows of some clusters as elements, by their numbers."""
    return {
        row.number: element
        for cluster in clusters
        for row, element in zip(cluster.rows, cluster.elements, strict=True)
    }


def message(lines: LogLines, elements: dict[int, str], start: int) -> dict[str, Any]:
    """What a page is told: from row `start` on the log looks like this now."""
    return {
        "type": "log",
        "from": start,
        "html": "".join(element for number, element in elements.items() if number >= start),
        "total": lines.total,
        "size": lines.size,
        "sealed": lines.is_sealed,
    }


class SharedTail:
    """One tail for all who follow it in this process; it looks ten times a second at most."""

    def __init__(self, tail: LogTail) -> None:
        self.tail = tail
        self._turn = asyncio.Lock()
        self._looked_at = 0.0

    async def after(self, version: int, *, woken_at: float) -> tuple[int, str]:
        """The present version, and what leads there from `version`; empty when that is it.

        One look serves everybody who was woken before it.
        """
        async with self._turn:
            is_current = version == self.tail.version or self.tail.version == 0
            if is_current and self._looked_at < woken_at:
                pause = BAR_S if self.tail.is_bar else LOOK_S
                await asyncio.sleep(max(0.0, self._looked_at + pause - monotonic()))
                self._looked_at = monotonic()
                await asyncio.to_thread(self.tail.refresh)
        now = self.tail.version
        if now == version:
            return now, ""
        return now, self.tail.news if 0 < version == now - 1 else self.tail.whole


_shared: WeakValueDictionary[tuple[int, str], SharedTail] = WeakValueDictionary()


def shared_tail(store: LogStore, key: str, times: str) -> SharedTail:
    """The tail of a log that lives as long as somebody in this event loop follows it."""
    place = id(asyncio.get_running_loop()), key
    found = _shared.get(place)
    if found is None:
        found = _shared[place] = SharedTail(LogTail(store, key, times))
    return found
