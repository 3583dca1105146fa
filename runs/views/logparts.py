"""A stretch of a log as numbered HTML lines, and where a live reader goes on after it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe

from runs.ansi import Pen, line_html
from runs.stores import log_store

PART_LINES = 10_000
PART_BYTES = 8 * 1024 * 1024
CLUSTER = 200
LONG_LINE = 64 * 1024
"""Longer lines are cut on the page, which says so; the raw log has them whole."""


@dataclass(frozen=True)
class Line:
    """One line as the page shows it."""

    number: int
    html: str
    is_unfinished: bool = False

    @property
    def element(self) -> str:
        """The line as an element of the page; a template would take ten times as long."""
        rest = " data-unfinished" if self.is_unfinished else ""
        head = f'<span class="l" id="L{self.number}" data-n="{self.number}"{rest}>'
        return f"{head}{self.html}\n</span>"


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
    def clusters(self) -> list[SafeString]:
        """The lines in the groups that a browser lays out only when they come into sight."""
        elements = [line.element for line in self.lines]
        groups = (elements[at : at + CLUSTER] for at in range(0, len(elements), CLUSTER))
        return [mark_safe("".join(group)) for group in groups]  # noqa: S308  (line_html escapes)

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
    """The last lines of a log, up to its present end."""
    store = log_store()
    finished = store.line_count(key)
    size = store.size(key)  # asked second: what came in between is shown as well
    first = max(1, finished - lines + 1)
    start, codes = store.line_offset(key, first)
    if size - start > PART_BYTES:
        begun = store.read(key, size - PART_BYTES, PART_BYTES).count(b"\n")
        first = min(finished + 1, max(first, finished - begun + 2))
        start, codes = store.line_offset(key, first)
    shown, pen = _lines(key, start, min(size, start + 2 * PART_BYTES), first, codes)
    return _part(key, shown[-lines:], total=0, size=size, pen=pen)


def log_part(key: str, *, first: int) -> LogPart:
    """A part of a log from a line on; a line past the end means the tail."""
    store = log_store()
    finished = store.line_count(key)
    size = store.size(key)
    if first > finished:
        return log_tail(key)
    start, codes = store.line_offset(key, first)
    end, _ = store.line_offset(key, first + PART_LINES)
    shown, pen = _lines(key, start, min(end, start + PART_BYTES), first, codes)
    if len(shown) > 1 and shown[-1].is_unfinished and end - start > PART_BYTES:
        shown.pop()  # cut in its middle: it begins the next part
    is_open = size > 0 and store.read(key, size - 1, 1) != b"\n"
    return _part(key, shown, total=finished + is_open, size=size, pen=pen)


def _part(key: str, shown: list[Line], *, total: int, size: int, pen: Pen) -> LogPart:
    store = log_store()
    first, last = (shown[0].number, shown[-1].number) if shown else (1, 0)
    offset, codes, following = size, pen.codes, last + 1
    if shown and shown[-1].is_unfinished:
        offset, codes = store.line_offset(key, last)
        following = last
    return LogPart(
        lines=shown,
        first=first,
        last=last,
        total=max(total, last),
        size=size,
        is_sealed=store.sealed(key) is not None,
        offset=offset,
        next=following,
        pen=codes,
    )


def _lines(key: str, start: int, end: int, first: int, codes: str) -> tuple[list[Line], Pen]:
    """The lines between two offsets as HTML, and the pen after them."""
    pen = Pen.from_codes(codes)
    *whole, rest = log_store().read(key, start, end - start).split(b"\n")
    lines = [Line(number, _html(text, pen)) for number, text in enumerate(whole, first)]
    if rest:
        html = _html(rest, Pen.from_codes(pen.codes))  # it may change: the pen stays before it
        lines.append(Line(first + len(whole), html, is_unfinished=True))
    return lines, pen


def _html(line: bytes, pen: Pen) -> str:
    text = line.decode("utf-8", errors="replace")
    if len(text) > LONG_LINE:
        text = text[text.rfind("\r", 0, len(text) - 1) + 1 :]
    if len(text) > LONG_LINE:
        text = f"{text[:LONG_LINE]} … the rest of this line is in the raw log"
    return line_html(text, pen)
