"""Hiding secrets in a stream of bytes, by as many `*` as they are long, so that offsets hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MIN_BYTES = 4
"""Shorter values are not hidden: they would eat ordinary text."""

_STRIDE_BYTES = 64 << 10


class _Run(NamedTuple):
    """A value, and the repeats of it that overlap or touch it, each `period` further on."""

    start: int
    stop: int
    length: int
    period: int

    def reaching_beyond(self, end: int) -> int:
        """Where the first of them begins that reaches beyond `end`; `end` when none does."""
        if not self.start < end < self.stop:
            return end
        skipped = max(0, (end - self.length - self.start) // self.period + 1)
        return min(end, self.start + skipped * self.period)


class Masker:
    """Replaces every byte that any occurrence of a value covers, however the bytes arrive.

    A new masker that is given the bytes from wherever this one got to gives the same
    result: what it gives out never ends inside an occurrence, or inside what may become
    one. Up to twice the longest value is held back for that, until more comes or `flush`.
    """

    def __init__(self, values: Iterable[bytes]) -> None:
        self.masked = 0
        """How many places were hidden: stretches without a byte between them count once."""
        values = sorted({value for value in values if len(value) >= MIN_BYTES})
        self._values = [(value, _period(value)) for value in values]
        self._held = b""
        self._ends_hidden = False

    def feed(self, data: bytes) -> bytes:
        """The next bytes that are safe to keep."""
        if not self._values:
            return data
        data = self._held + data
        runs = self._runs(data)
        return self._give_out(data, runs, self._safe_end(data, runs))

    def flush(self) -> bytes:
        """What was held back: nothing more comes."""
        return self._give_out(self._held, self._runs(self._held), len(self._held))

    def _give_out(self, data: bytes, runs: list[_Run], end: int) -> bytes:
        given = bytearray(data[:end])
        hidden_to = 0 if self._ends_hidden else -1
        for start, stop, *_ in runs:
            if start >= end:
                break
            self.masked += start > hidden_to
            hidden_to = max(hidden_to, min(stop, end))
            given[start:hidden_to] = b"*" * (hidden_to - start)
        if end:
            self._ends_hidden = hidden_to == end
        self._held = data[end:]
        return bytes(given)

    def _runs(self, data: bytes) -> list[_Run]:
        """Where the values occur, sorted."""
        runs = []
        for value, period in self._values:
            start = data.find(value)
            while start >= 0:
                stop = _run_end(data, start + len(value), value[-period:])
                runs.append(_Run(start, stop, len(value), period))
                start = data.find(value, stop - len(value) + 1)
        return sorted(runs)

    def _safe_end(self, data: bytes, runs: list[_Run]) -> int:
        """How far `data` may be given out so that a new masker could go on from there."""
        end = min(_begun(data, value) for value, _ in self._values)
        return min([run.reaching_beyond(end) for run in runs], default=end)


def _begun(data: bytes, value: bytes) -> int:
    """Where the value may begin and not yet have ended; the end of data when nowhere."""
    start = max(0, len(data) - len(value) + 1)
    while (start := data.find(value[:1], start)) >= 0:
        if value.startswith(data[start:]):
            return start
        start += 1
    return len(data)


def _period(value: bytes) -> int:
    """By how much a value can be shifted and still agree with itself."""
    return next(n for n in range(1, len(value) + 1) if value.startswith(value[n:]))


def _run_end(data: bytes, end: int, step: bytes) -> int:
    """Where a run of a repeated value ends: a progress bar may be made of one."""
    stride = step * max(1, _STRIDE_BYTES // len(step))
    while data.startswith(step, end):
        while data.startswith(stride, end):
            end += len(stride)
        stride = stride[: len(stride) // len(step) // 2 * len(step)] or step
    return end
