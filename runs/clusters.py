"""A log in clusters of 200 lines, each of which can be made by itself, and its live end.

A cluster is made from its own lines and at most the page of `display.PAGE` lines around it. Once
no later byte can change what it shows it is final, and may be kept for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runs.ansi import Pen
from runs.display import LONG_LINE, PAGE, REACH, RawLine, Row, blocks, climbs, rows, states
from runs.logs import LogStore
from runs.logtimes import LogTimes

CLUSTER = 200
PAGES_KEPT = 4
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Cluster:
    """Lines `first` to `last`; rows that began further up are shown there."""

    number: int
    first: int
    last: int
    rows: list[Row]
    times: list[float | None]
    starts_in: int
    """The number of the row that its first line belongs to."""
    is_final: bool

    @property
    def elements(self) -> list[str]:
        """Its rows as elements of the page."""
        return [row.element(at) for row, at in zip(self.rows, self.times, strict=True)]


@dataclass(frozen=True)
class _Stretch:
    """Lines of one page that were read together, and what overwrites what in them."""

    first: int
    lines: list[RawLine]
    blocks: list[tuple[int, int]]


class LogLines:
    """What one log shows, as it is at this moment; made for one answer.

    `times` is the key of the target's notes on when it grew; empty for none.
    """

    def __init__(self, store: LogStore, key: str, times: str = "") -> None:
        self._store, self._key = store, key
        self.is_sealed = store.sealed(key) is not None  # first: what is sealed does not grow
        self.finished = store.line_count(key)
        self.size = store.size(key)  # asked last: what came in between is shown as well
        self._rest = store.line_offset(key, self.finished + 1)[0]
        self.total = self.finished + (self.size > self._rest)
        self._times_key = times
        self.times_size = store.size(times) if times else 0
        self.times = LogTimes(lambda at, n: store.read(times, at, n), self.times_size)
        self._pages: dict[int, _Stretch] = {}

    @property
    def cluster_count(self) -> int:
        """How many clusters the log has now, the unfinished one included."""
        return -(-self.total // CLUSTER)

    def cluster(self, number: int) -> Cluster:
        """Cluster 0, 1, 2 …; one behind the end has no rows."""
        first = number * CLUSTER + 1
        last = min(first + CLUSTER - 1, self.total)
        stretch = self._stretch(first, last)
        begins = [a for a, b in stretch.blocks if a < first <= b]
        ends = max((b for a, b in stretch.blocks if a <= last <= b), default=last)
        shown = [row for row in self._rows(stretch, first, last) if first <= row.number <= last]
        end = self._store.line_offset(self._key, last + 1)[0]
        return Cluster(
            number=number,
            first=first,
            last=last,
            rows=shown,
            times=self.times.at([row.offset for row in shown]),
            starts_in=begins[0] if begins else first,
            is_final=self._is_final(first, ends, end),
        )

    def tail(self, clusters: int = 2) -> list[Cluster]:
        """The last clusters, as many more as belong to a row that is among them."""
        number = max(0, self.cluster_count - clusters)
        while number and self.cluster(number).starts_in <= number * CLUSTER:
            number = (self.cluster(number).starts_in - 1) // CLUSTER
        return [self.cluster(n) for n in range(number, self.cluster_count)]

    def states(self, number: int) -> list[str]:
        """Each state of the progress bar that begins in this line, as HTML."""
        stretch = self._page(number)
        if not 0 <= number - stretch.first < len(stretch.lines):
            return []
        last = dict(stretch.blocks).get(number, number)
        pen = Pen.from_codes(self._store.line_offset(self._key, number)[1])
        return list(states(stretch.lines[number - stretch.first : last + 1 - stretch.first], pen))

    def time_at(self, offset: int) -> float | None:
        """When the byte there had been written."""
        return self.times.at([offset])[0]

    def _is_final(self, first: int, ends: int, end: int) -> bool:
        if self.is_sealed:
            return True
        page_last = (first - 1) // PAGE * PAGE + PAGE
        is_whole = self.finished >= first + CLUSTER - 1
        is_left = self.finished >= min(ends + REACH, page_last)
        return is_whole and is_left and (not self._times_key or self.times.reach >= end)

    def _rows(self, stretch: _Stretch, first: int, last: int) -> Iterator[Row]:
        """The rows that begin between two lines; a block that goes on further is whole."""
        inside = [(a, b) for a, b in stretch.blocks if first <= a <= last]
        begin = max([first, *(b + 1 for a, b in stretch.blocks if a < first <= b)])
        end = max([last, *(b for _, b in inside)])
        if begin > last:
            return
        lines = stretch.lines[begin - stretch.first : end + 1 - stretch.first]
        pen = Pen.from_codes(self._store.line_offset(self._key, begin)[1])
        is_open = end == self.total and self.size > self._rest
        yield from rows(lines, begin, pen, inside, is_open=is_open)

    def _stretch(self, first: int, last: int) -> _Stretch:
        """The cluster alone where nothing overwrites, which is nearly everywhere."""
        page = self._pages.get((first - 1) // PAGE)
        if page is not None:
            return page
        page_last = (first - 1) // PAGE * PAGE + PAGE
        near = self._read(first, min(last + REACH, page_last))
        begins_over = bool(near) and near[0].data.startswith(b"\r")
        if begins_over or any(climbs(line.data) for line in near):
            return self._page(first)
        return _Stretch(first, near, [])

    def _page(self, line: int) -> _Stretch:
        number = (line - 1) // PAGE
        if number not in self._pages:
            if len(self._pages) >= PAGES_KEPT:
                self._pages.clear()
            first = number * PAGE + 1
            lines = self._read(first, first + PAGE - 1)
            self._pages[number] = _Stretch(first, lines, blocks(lines, first))
        return self._pages[number]

    def _read(self, first: int, last: int) -> list[RawLine]:
        start = self._store.line_offset(self._key, first)[0]
        end = self._store.line_offset(self._key, last + 1)[0] if last < self.total else self.size
        return list(self._split(start, end)) if start < end else []

    def _split(self, start: int, end: int) -> Iterator[RawLine]:
        """The lines between two offsets; of a giant one its ends are kept, not its middle."""
        offset, held, lost, dropped = start, b"", 0, 0
        while start < end:
            data = self._store.read(self._key, start, min(_PIECE_BYTES, end - start))
            if not data:
                break
            start += len(data)
            *whole, rest = data.split(b"\n")
            for piece in whole:
                line = held + piece
                yield RawLine(offset, line, lost)
                offset += len(line) + dropped + 1
                held, lost, dropped = b"", 0, 0
            held += rest
            if len(held) > 4 * LONG_LINE:
                middle = held[2 * LONG_LINE : -LONG_LINE]
                lost += middle.count(b"\r")
                dropped += len(middle)
                held = held[: 2 * LONG_LINE] + held[-LONG_LINE:]
        if held:
            yield RawLine(offset, held, lost)
