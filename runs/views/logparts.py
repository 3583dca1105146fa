"""A stretch of a log as numbered HTML lines, and where a live reader goes on after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe

from runs.ansi import Pen, line_html
from runs.stores import log_store

PART_LINES = 10_000
PART_BYTES = 8 * 1024 * 1024
LONG_LINE = 64 * 1024
"""Longer lines are cut on the page, which says so; the raw log has them whole."""


@dataclass(frozen=True)
class Line:
    """One line as the page shows it."""

    number: int
    html: SafeString
    is_unfinished: bool = False


@dataclass(frozen=True)
class LogPart:
    """Lines `first` to `last` of `total`."""

    lines: list[Line]
    first: int
    last: int
    total: int
    size: int
    """Stored bytes of the whole log."""
    is_sealed: bool
    offset: int
    """Where the first line that is not yet finished begins."""
    next: int
    """That line's number."""
    pen: str
    """The colour codes in force there."""

    @property
    def is_end(self) -> bool:
        """Whether nothing follows in the store."""
        return self.last >= self.total

    @property
    def earlier(self) -> int:
        """The first line of the part before this one; 0 when there is none."""
        return max(1, self.first - PART_LINES) if self.first > 1 else 0

    @property
    def later(self) -> int:
        """The first line of the part after this one; 0 when there is none."""
        return 0 if self.is_end else self.last + 1


def log_tail(key: str, *, lines: int = PART_LINES) -> LogPart:
    """The last lines of a log."""
    store = log_store()
    size = store.size(key)
    total = _total(key, size)
    first = max(1, total - lines + 1)
    start, _ = store.line_offset(key, first)
    if size - start > PART_BYTES:
        first = _first_line_within(key, size, total)
    return _part(key, size, total, first, PART_LINES)


def log_part(key: str, *, first: int) -> LogPart:
    """A part of a log from a line on; a line past the end means the tail."""
    size = log_store().size(key)
    total = _total(key, size)
    if first > total:
        return log_tail(key)
    return _part(key, size, total, max(1, first), PART_LINES)


def _total(key: str, size: int) -> int:
    """Finished lines, and the one that is not."""
    finished = log_store().line_count(key)
    ends_open = size > 0 and log_store().read(key, size - 1, 1) != b"\n"
    return finished + ends_open


def _first_line_within(key: str, size: int, total: int) -> int:
    """The first whole line of the last PART_BYTES; a line longer than that comes cut."""
    data = log_store().read(key, size - PART_BYTES, PART_BYTES)
    begun = data.count(b"\n") + (not data.endswith(b"\n"))
    return min(total, total - begun + 2)


def _part(key: str, size: int, total: int, first: int, count: int) -> LogPart:
    store = log_store()
    start, codes = store.line_offset(key, first)
    pen = Pen.from_codes(codes)
    data = store.read(key, start, min(PART_BYTES, size - start))
    lines = list(_lines(data, first, count, pen))
    if start + len(data) < size and not data.endswith(b"\n") and len(lines) > 1:
        lines.pop()  # cut in its middle: it begins the next part
    last = lines[-1].number if lines else first - 1
    offset, codes, following = size, pen.codes, last + 1
    if lines and lines[-1].is_unfinished:
        offset, codes = store.line_offset(key, last)
        following = last
    return LogPart(
        lines=lines, first=first, last=last, total=max(total, last), size=size,
        is_sealed=store.sealed(key) is not None, offset=offset, next=following, pen=codes,
    )


def _lines(data: bytes, first: int, count: int, pen: Pen) -> Iterator[Line]:
    at = 0
    for number in range(first, first + count):
        if at >= len(data):
            return
        end = data.find(b"\n", at)
        text = data[at : end if end >= 0 else len(data)].decode("utf-8", errors="replace")
        yield Line(number, _html(text, pen), is_unfinished=end < 0)
        at = end + 1 if end >= 0 else len(data)


def _html(text: str, pen: Pen) -> SafeString:
    if len(text) > LONG_LINE:
        text = text[text.rfind("\r", 0, len(text) - 1) + 1 :]
    more = len(text) - LONG_LINE
    if more > 0:
        text = f"{text[:LONG_LINE]} … {more:,} more characters in the raw log"
    return mark_safe(line_html(text, pen))  # noqa: S308  (line_html escapes)
