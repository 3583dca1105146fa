"""What stands out in a log: lines that tell of an error, and groups of lines under a heading.

A group begins with `##[group]title`, `::group::title`, or as Buildkite has it with `--- title`,
`+++ title` or `~~~ title`; it ends with `##[endgroup]` or `::endgroup::`, else where the next one
begins, else with the log. Groups do not nest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

KEPT_ERRORS = 1000
"""So many lines with an error are told by number; all are counted."""
KEPT_GROUPS = 2000
_TITLE = 200
_PIECE_BYTES = 4 << 20
_CODES = rb"(?:\x1b\[[0-9;:]*m)*"
_ANSI = re.compile(r"\x1b\[[0-9;:?]*[A-Za-z]")
_ERROR_WORDS = (b"rror", b"ERROR", b"FATAL", b"CRITICAL", b"xception", b"Traceback", b"fatal")
"""A line with none of them tells of no error; looking for a word is fast."""
_TRACEBACK = re.compile(_CODES + rb"\s*Traceback \(most recent call last\)")
_RAISED = re.compile(
    _CODES + rb"[\w.]{0,200}(?:Error|Exception)" + _CODES + rb"(?::|\s*(?:\x1b\[0?m)?\s*$)"
)
_ERROR = re.compile(
    _CODES + rb"(?:##\[error\]|::error\b|(?:error|Error|fatal|panic):)"
    rb"|(?:^|[\s\[|:\x1bm])(?:ERROR|CRITICAL|FATAL)\b(?!=)|: (?:fatal )?error: "
)
_SEEN_BYTES = 400
"""An error says so at the beginning of its line."""
_GROUP = re.compile(
    rb"\n" + _CODES + rb"(?:(##\[group\]|::group::|--- |\+\+\+ |~~~ )|(?:##\[|::)endgroup)"
)
_PATCH = re.compile(rb"(?:---|\+\+\+) (?:[ab]/|/dev/null|[^\t\n]+\t\d{4}-)")
"""The head of a file in a diff, which is no heading."""
_LONG_TRACEBACK = 500


class Kind(StrEnum):
    """What one line is by itself; the values are CSS classes."""

    PLAIN = ""
    ERROR = "err"
    HEAD = "gh"
    END = "ge"


def line_kind(line: bytes) -> Kind:
    """What a line is, going by itself alone."""
    if _says_error(line):
        return Kind.ERROR
    found = _GROUP.match(b"\n" + line[:_SEEN_BYTES])
    if found is None or _PATCH.match(line):
        return Kind.PLAIN
    return Kind.HEAD if found[1] else Kind.END


def group_title(line: str) -> str:
    """The heading that a line is, without its mark and its colours."""
    plain = _ANSI.sub("", line[: 4 * _TITLE]).strip()
    for mark in ("##[group]", "::group::", "---", "+++", "~~~"):
        plain = plain.removeprefix(mark)
    return plain.strip()[:_TITLE]


def _says_error(line: bytes) -> bool:
    line = line[:_SEEN_BYTES]
    for word in _ERROR_WORDS:
        if word in line:
            return bool(_TRACEBACK.match(line) or _RAISED.match(line) or _ERROR.search(line))
    return False


@dataclass
class Group:
    """Lines `head` to `last` under a title; `last` is 0 while nothing has ended it."""

    head: int
    offset: int
    title: str
    last: int = 0
    end: int = 0
    """The offset of its last line."""
    errors: int = 0


@dataclass
class Landmarks:
    """What was found in the first `scanned` bytes, which are `lines` whole lines."""

    scanned: int = 0
    lines: int = 0
    errors: int = 0
    error_lines: list[int] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    group_count: int = 0
    _traceback: int = 0
    """The line of a traceback whose last line has not come."""

    @property
    def first_error(self) -> int:
        """The number of the first line that tells of an error; 0 for none."""
        return self.error_lines[0] if self.error_lines else 0

    def extend(self, read: Callable[[int, int], bytes], *, until: Callable[[], bool]) -> bool:
        """Look at what was added; false when `until` told to stop before the end.

        `read` takes offset and count, like a log store. A line that is not finished is
        left for later.
        """
        while data := read(self.scanned, _PIECE_BYTES):
            end = data.rfind(b"\n") + 1
            if end == 0:
                if len(data) < _PIECE_BYTES:
                    return True
                end = len(data)  # a giant line: what it says at its beginning was looked at
            self._take(data[:end])
            if len(data) < _PIECE_BYTES:
                return True
            if until():
                return False
        return True

    def _take(self, data: bytes) -> None:
        at, line = 0, self.lines + 1
        for start in sorted({*_error_starts(data), *_group_starts(data)}):
            line += data.count(b"\n", at, start)
            at = start
            self._note(line, self.scanned + start, data[start : start + _SEEN_BYTES * 3])
        self.lines += data.count(b"\n")
        self.scanned += len(data)

    def _note(self, number: int, offset: int, data: bytes) -> None:
        line = data.partition(b"\n")[0]
        kind = line_kind(line)
        if kind is Kind.ERROR:
            if not self._ends_traceback(number, line):
                self._note_error(number)
        elif kind is Kind.HEAD and not self._is_patch(number, line):
            self._close(number - 1, offset)
            self.group_count += 1
            title = group_title(line.decode("utf-8", errors="replace"))
            self.groups.append(Group(number, offset, title or f"line {number}"))
            del self.groups[:-KEPT_GROUPS]
        elif kind is Kind.END:
            self._close(number, offset)

    def _note_error(self, number: int) -> None:
        self.errors += 1
        if len(self.error_lines) < KEPT_ERRORS:
            self.error_lines.append(number)
        if self.groups and not self.groups[-1].last:
            self.groups[-1].errors += 1

    def _ends_traceback(self, number: int, line: bytes) -> bool:
        """Whether this is the last line of a traceback that was counted at its first."""
        if _TRACEBACK.match(line):
            self._traceback = number
            return False
        is_end = bool(self._traceback) and number - self._traceback <= _LONG_TRACEBACK
        self._traceback = 0
        return is_end and bool(_RAISED.match(line))

    def _is_patch(self, number: int, line: bytes) -> bool:
        """`+++ name` right below `--- name` is a diff: neither is a heading."""
        if line.startswith(b"+++ ") and self.groups and self.groups[-1].head == number - 1:
            self.groups.pop()
            self.group_count -= 1
            return True
        return False

    def _close(self, last: int, offset: int) -> None:
        if self.groups and not self.groups[-1].last:
            self.groups[-1].last, self.groups[-1].end = last, offset


def _error_starts(data: bytes) -> Iterator[int]:
    """Where lines begin that may tell of an error."""
    for word in _ERROR_WORDS:
        at = data.find(word)
        while at >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            if at - start < _SEEN_BYTES:
                yield start
            end = data.find(b"\n", at)
            at = data.find(word, end) if end >= 0 else -1


def _group_starts(data: bytes) -> Iterator[int]:
    if _GROUP.match(b"\n" + data[:_SEEN_BYTES]):
        yield 0
    for found in _GROUP.finditer(data):
        yield found.start() + 1
