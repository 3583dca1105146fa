"""When the lines of a log were written: the notes of (size, time) that its target took meanwhile.

The sampler notes four times a second at most how long the log is. A line was written by the
first note of a log that reaches beyond the line's beginning.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence

_NOTE = struct.Struct("<Qd")


class LogTimes:
    """The notes under one key; `read` takes offset and count, like a log store."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read = read
        self._count = size // _NOTE.size

    @property
    def reach(self) -> int:
        """The size of the log at the last note."""
        return self[self._count - 1][0] if self._count else 0

    @property
    def start(self) -> float:
        """The time of the first note; 0 when there is none."""
        return self[0][1] if self._count else 0.0

    def at(self, offsets: Sequence[int]) -> list[float | None]:
        """When the bytes at these growing offsets had been written; None while not known."""
        if not offsets or not self._count:
            return [None] * len(offsets)
        first = bisect_right(self, offsets[0], key=_size)
        last = bisect_right(self, offsets[-1], lo=first, key=_size)
        notes = self._read(first * _NOTE.size, (last + 1 - first) * _NOTE.size)
        known = list(_NOTE.iter_unpack(notes[: len(notes) // _NOTE.size * _NOTE.size]))
        places = (bisect_right(known, offset, key=_size) for offset in offsets)
        return [known[place][1] if place < len(known) else None for place in places]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> tuple[int, float]:
        size, at = _NOTE.unpack(self._read(number * _NOTE.size, _NOTE.size))
        return size, at


def _size(note: tuple[int, float]) -> int:
    return note[0]
