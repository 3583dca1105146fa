"""Lines of a log as a terminal would leave them on its screen: progress bars are one row.

Lines are numbered as the raw log has them, newline by newline, as `grep -n` and an editor count
them. So a number means the same in the page, in a search, in a link and in the downloaded file,
while the log grows and ever after. What overwrites only decides which lines are shown:

- A line that goes back with a carriage return shows its last state, under its number.
- A line that moves the cursor up (several bars at once) overwrites lines above. It and they are
  one row, under the number of the first, that shows what a terminal shows in the end.

Such a row spans at most `PAGE` lines, between the same two multiples of it: so every row can be
made from a stretch of the log that does not grow with the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runs.ansi import Pen, drawn, folded, line_html, skim
from runs.landmarks import Kind, line_kind

PAGE = 2000
REACH = 50
"""So many lines up a cursor can overwrite; further up it has left the screen."""
LONG_LINE = 64 * 1024
"""Longer lines are cut on the page, which says so; the raw log has them whole."""

_CLIMBS = re.compile(rb"\x1b\[(\d{0,3})([ABEF])")
_CLIMBS_TEXT = re.compile(r"\x1b\[(\d{0,3})([ABEF])")
_INVISIBLE = re.compile(r"\x1b\[[0-9;:?]*[A-Za-z]|[\r\n]")
_ERASE_LINE = re.compile(r"\x1b\[[012]?K")


@dataclass(frozen=True)
class RawLine:
    """One line as the log has it, without its newline."""

    offset: int
    data: bytes
    """Of a giant line only its two ends."""
    lost: int = 0
    """How many states of a progress bar stood in what was left out."""


@dataclass(frozen=True)
class Row:
    """Lines `number` to `last` as one row of the page."""

    number: int
    last: int
    offset: int
    html: str
    kind: Kind = Kind.PLAIN
    states: int = 1
    """How often it was written: more than one is a progress bar."""
    is_unfinished: bool = False

    def element(self, at: float | None) -> str:
        """The row as an element of the page; a template would take ten times as long."""
        kind = f" {self.kind}" if self.kind else ""
        last = f' data-to="{self.last}"' if self.last > self.number else ""
        states = f' data-u="{self.states}"' if self.states > 1 else ""
        time = f' data-t="{at:.2f}"' if at is not None else ""
        rest = " data-unfinished" if self.is_unfinished else ""
        head = f'<span class="l{kind}" id="L{self.number}" data-n="{self.number}"'
        return f"{head}{last}{states}{time}{rest}>{self.html}\n</span>"


def climbs(data: bytes) -> bool:
    """Whether a line in there moves the cursor up."""
    return any(found[2] in b"AF" for found in _CLIMBS.finditer(data))


def blocks(lines: Sequence[RawLine], first: int) -> list[tuple[int, int]]:
    """The first and last numbers of lines that overwrite one another, in order.

    `first` is the number of the first line; nothing reaches further up.
    """
    found: list[tuple[int, int]] = []
    below = 0  # how many rows that were drawn already lie below the cursor
    for number, line in enumerate(lines, first):
        height = _height(line.data)
        if height == 0:
            if below and (not line.data or line.data.startswith(b"\r")):
                found[-1] = found[-1][0], number
            below = max(0, below - 1)
            continue
        below = height
        start = max(first, number - height)
        while found and found[-1][1] >= start:
            start = min(start, found.pop()[0])
        found.append((start, number))
    return found


def rows(
    lines: Sequence[RawLine],
    first: int,
    pen: Pen,
    overwritten: Sequence[tuple[int, int]],
    *,
    is_open: bool,
) -> list[Row]:
    """Lines from number `first` on as rows, in the colours of the pen, which moves.

    A block must lie among the lines whole. With `is_open` the last line has no newline yet.
    """
    made: list[Row] = []
    starts = dict(overwritten)
    number, end = first, first + len(lines)
    while number < end:
        last = starts.get(number, number)
        taken = lines[number - first : last + 1 - first]
        row = _block(taken, number, pen) if number in starts else _line(taken[0], number, pen)
        made.append(row)
        number = last + 1
    if is_open and made:
        made[-1] = Row(**{**vars(made[-1]), "is_unfinished": True})
    return made


def states(lines: Sequence[RawLine], pen: Pen) -> Iterator[str]:
    """Each state that a progress bar went through, as HTML."""
    for line in lines:
        for segment in _CLIMBS_TEXT.split(_text(line.data))[::3]:
            for state in segment.split("\r"):
                html = "".join(drawn(state, pen))
                if _INVISIBLE.sub("", state).strip():
                    yield html


def _height(data: bytes) -> int:
    """How many lines above its own a line overwrites."""
    row = top = 0
    if b"\x1b[" in data:
        for found in _CLIMBS.finditer(data):
            count = int(found[1] or 1)
            row += count if found[2] in b"BE" else -count
            top = min(top, row)
    return min(-top, REACH)


def _line(line: RawLine, number: int, pen: Pen) -> Row:
    text = _text(line.data)
    count = line.lost + _count(text) if "\r" in text else 1
    kind = line_kind(line.data)
    if kind is Kind.HEAD:
        text = text.replace("##[group]", "", 1).replace("::group::", "", 1)
    html = line_html(_shortened(text), pen)
    return Row(number, number, line.offset, html, kind, max(1, count))


def _block(lines: Sequence[RawLine], number: int, pen: Pen) -> Row:
    screen: dict[int, tuple[str, str]] = {}
    row = count = 0
    for line in lines:
        parts = _CLIMBS_TEXT.split(_text(line.data))
        for segment, steps, way in zip(
            parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True
        ):
            count += _write(screen, row, segment, pen)
            row = _moved(row, int(steps or 1), way) if way else row
        row += 1
        count += line.lost
    html = "\n".join(_screen_html(screen))
    return Row(number, number + len(lines) - 1, lines[0].offset, html, states=max(1, count))


def _moved(row: int, steps: int, way: str) -> int:
    """Where the cursor is then; the first row of a block is as high as it comes."""
    return row + steps if way in "BE" else max(0, row - steps)


def _write(screen: dict[int, tuple[str, str]], row: int, segment: str, pen: Pen) -> int:
    """Draw a piece of text on a row of the screen: how many states of it that were."""
    gone, shown = folded(segment)
    skim(gone, pen)
    if shown and (_INVISIBLE.sub("", shown) or _ERASE_LINE.search(segment)):
        screen[row] = _shortened(shown), pen.codes
    skim(shown, pen)
    return _count(segment)


def _screen_html(screen: dict[int, tuple[str, str]]) -> list[str]:
    empty = ("", "")
    written = range(min(screen, default=0), max(screen, default=-1) + 1)
    shown = [screen.get(row, empty) for row in written]
    while shown and not _INVISIBLE.sub("", shown[-1][0]).strip():
        shown.pop()
    return ["".join(drawn(text, Pen.from_codes(codes))) for text, codes in shown]


def _count(text: str) -> int:
    """How many states of a bar a text holds."""
    return sum(1 for state in text.split("\r") if _INVISIBLE.sub("", state).strip())


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _shortened(text: str) -> str:
    if len(text) > LONG_LINE:
        text = text[text.rfind("\r", 0, len(text) - 1) + 1 :]
    if len(text) > LONG_LINE:
        text = f"{text[:LONG_LINE]} … the rest of this line is in the raw log"
    return text
