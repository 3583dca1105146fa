"""Where the lines of a log begin: a sparse index beside it, so that any line is one seek.

    index = head, then for every 512th line: where it begins, the colours in force there

The index is only ever derived. Whoever asks brings it up to date first, so appending
costs nothing, and one that is torn or belongs to other bytes is made anew.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runs.ansi import Pen

LINES_A_MARK = 512

_MAGIC = b"lines 1\n"
_HEAD = struct.Struct("<8sQQ32s")
_MARK = struct.Struct("<Q32s")
_CHECK_BYTES = 4
_HEAD_BYTES = _HEAD.size + _CHECK_BYTES
_MARK_BYTES = _MARK.size + _CHECK_BYTES
_SCAN_BYTES = 4 << 20
_SEEK_BYTES = 64 << 10

_SGR = re.compile(rb"\x1b\[([0-9;:]{0,60})m")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-9;:]*)?\Z")
_CODE_BYTES = 64
"""Longer than any colour code that means something."""
_RESET_BYTES = 4096
"""How far back a reset is looked for: most coloured lines end with one."""


@dataclass
class _Reading:
    """How far a log was read: every byte before `scanned`, which ended `lines` lines."""

    scanned: int = 0
    lines: int = 0
    pen: Pen = field(default_factory=Pen)


class LineIndex:
    """The lines of one log file. Lines are counted from 1 and end with a newline.

    Safe with any number of readers and writers: the log only grows, and one reader at a
    time brings the index up to date.
    """

    def __init__(self, log: Path, index: Path) -> None:
        self._log = log
        self._index = index

    def count(self) -> int:
        """How many lines are finished."""
        with self._up_to_date() as (_, _, reading):
            return reading.lines

    def find(self, line: int) -> tuple[int, str]:
        """Where a line begins and the SGR codes in force there ("1;31").

        The line after the last finished one begins where that ended; for lines further
        on the answer is the end of the log.
        """
        if line < 1:
            raise ValueError(f"Lines are counted from 1: there is no line {line}.")
        with self._up_to_date() as (log, index, reading):
            if line > reading.lines + 1:
                return reading.scanned, reading.pen.codes
            mark = (line - 1) // LINES_A_MARK
            place = _read_mark(log, index, mark)
            if place is None:
                os.ftruncate(index, 0)
                _extend(log, index, _Reading())
                place = _read_mark(log, index, mark)
            at, pen = place or (0, Pen())
            at = _skip_lines(log, at, (line - 1) % LINES_A_MARK, pen)
            return at, pen.codes

    @contextmanager
    def _up_to_date(self) -> Iterator[tuple[int, int, _Reading]]:
        """The log, the index, and how far it reaches: to the present end of the log."""
        with self._log.open("rb", buffering=0) as file:
            log = file.fileno()
            index, reading = self._best_index(log)
            try:
                yield log, index, reading
            finally:
                os.close(index)

    def _best_index(self, log: int) -> tuple[int, _Reading]:
        try:
            return self._index_on_disk(log)
        except OSError:
            # A disk that is full or read-only must not keep anybody from reading the log.
            index = os.memfd_create("lines")
            return index, _extend(log, index, _Reading())

    def _index_on_disk(self, log: int) -> tuple[int, _Reading]:
        self._index.parent.mkdir(parents=True, exist_ok=True)
        index = os.open(self._index, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(index, fcntl.LOCK_EX)
            return index, _extend(log, index, _read_head(log, index))
        except BaseException:
            os.close(index)
            raise


def _read_head(log: int, index: int) -> _Reading:
    """How far the index reaches; nowhere when it is torn or speaks of bytes that are not there."""
    head = _unchecked(os.pread(index, _HEAD_BYTES, 0))
    if len(head) != _HEAD.size:
        return _Reading()
    magic, scanned, lines, codes = _HEAD.unpack(head)
    whole = _HEAD_BYTES + lines // LINES_A_MARK * _MARK_BYTES
    if magic != _MAGIC or scanned > os.fstat(log).st_size or whole > os.fstat(index).st_size:
        return _Reading()
    return _Reading(scanned, lines, _pen(codes))


def _write_head(index: int, reading: _Reading) -> None:
    codes = reading.pen.codes.encode()
    os.pwrite(index, _checked(_HEAD.pack(_MAGIC, reading.scanned, reading.lines, codes)), 0)


def _read_mark(log: int, index: int, mark: int) -> tuple[int, Pen] | None:
    """Where the line after `mark` times 512 lines begins; None when that cannot be true."""
    if mark == 0:
        return 0, Pen()
    record = _unchecked(os.pread(index, _MARK_BYTES, _HEAD_BYTES + (mark - 1) * _MARK_BYTES))
    if len(record) != _MARK.size:
        return None
    at, codes = _MARK.unpack(record)
    return (at, _pen(codes)) if os.pread(log, 1, at - 1) == b"\n" else None


def _checked(record: bytes) -> bytes:
    return record + zlib.crc32(record).to_bytes(_CHECK_BYTES, "little")


def _unchecked(record: bytes) -> bytes:
    """The record without its checksum; empty when that does not fit."""
    whole = record[:-_CHECK_BYTES]
    return whole if _checked(whole) == record else b""


def _extend(log: int, index: int, reading: _Reading) -> _Reading:
    """Read on to the end of the log; the head is written last, so a torn end is not believed."""
    size = os.fstat(log).st_size
    start = reading.scanned
    while reading.scanned < size:
        data = os.pread(log, min(_SCAN_BYTES, size - reading.scanned), reading.scanned)
        data = data.removesuffix(_unfinished(data))
        if not data:
            break
        before = reading.lines // LINES_A_MARK
        marks = b"".join(_checked(_MARK.pack(*mark)) for mark in _take(reading, data))
        os.pwrite(index, marks, _HEAD_BYTES + before * _MARK_BYTES)
    if reading.scanned > start:
        _write_head(index, reading)
    return reading


def _take(reading: _Reading, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Move the reading over the next bytes; the marks that lie in them."""
    at = 0
    while at < len(data):
        wanted = LINES_A_MARK - reading.lines % LINES_A_MARK
        end, missing = _behind_newlines(data, at, wanted)
        _skim(reading.pen, data[at:end])
        reading.scanned += end - at
        reading.lines += wanted - missing
        if not missing:
            yield reading.scanned, reading.pen.codes.encode()
        at = end


def _behind_newlines(data: bytes, at: int, wanted: int) -> tuple[int, int]:
    """The place just behind that many newlines, and how many of them were not there.

    Counting is many times faster than searching, so it closes in by counting.
    """
    step = 8192
    while wanted and at < len(data):
        found = data.count(b"\n", at, at + step)
        if found < wanted:
            at, wanted = at + step, wanted - found
        elif step > 1:
            step //= 2
        else:
            return at + 1, 0
    return min(at, len(data)), wanted


def _skip_lines(log: int, at: int, lines: int, pen: Pen) -> int:
    """Where the line begins that comes after so many lines, moving the pen there."""
    held = b""
    while lines and (data := os.pread(log, _SEEK_BYTES, at)):
        end, lines = _behind_newlines(data, 0, lines)
        _skim(pen, held + data[:end])
        held = _unfinished(held + data[:end])
        at += end
    return at


def _skim(pen: Pen, data: bytes) -> None:
    """Take the colour codes in some bytes.

    What stands before the last reset does not matter, nor does a code that comes again.
    """
    if b"\x1b" not in data:
        return
    near = max(0, len(data) - _RESET_BYTES)
    reset = max(data.rfind(b"\x1b[0m", near), data.rfind(b"\x1b[m", near), 0)
    last_first = dict.fromkeys(reversed(_SGR.findall(data, reset)))
    for codes in reversed(last_first):
        pen.apply(codes.decode())


def _unfinished(data: bytes) -> bytes:
    """The beginning of a colour code at the very end, whose rest is still to come."""
    found = _UNFINISHED.search(data, max(0, len(data) - _CODE_BYTES))
    return found.group() if found else b""


def _pen(codes: bytes) -> Pen:
    return Pen.from_codes(codes.rstrip(b"\0").decode())
