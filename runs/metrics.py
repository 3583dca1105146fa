"""Metrics as numbers: lines that a script wrote, points, packed chunks, running summaries.

line      {"n": name, "v": value, "s": step or null, "t": unix time}
chunk     up to 4,096 points, each three little-endian doubles: step, time, value
"""

from __future__ import annotations

import json
import math
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

CHUNK_POINTS = 4096
NAME_LENGTH = 255
OUTLINE_POINTS = 64

_POINT = struct.Struct("<ddd")


@dataclass(frozen=True)
class Point:
    """One value of one metric."""

    name: str
    value: float | str
    step: float | None
    time: float


@dataclass(frozen=True)
class Parsed:
    """What some lines held."""

    points: list[Point]
    malformed: int
    """Lines that hold no point; they are skipped."""


@dataclass(frozen=True)
class Summary:
    """A series in one row, however many points it has."""

    count: int = 0
    """Numbers, NaN and the infinities among them."""
    last: float | None = None
    """The last value, None when it is not a finite number."""
    last_step: float | None = None
    minimum: float | None = None
    """Of the finite numbers."""
    minimum_step: float | None = None
    """Where it was first reached."""
    maximum: float | None = None
    maximum_step: float | None = None
    text: str = ""
    """The last value when it is not a finite number: a text, "nan", "inf" or "-inf"."""
    outline: bytes = b""
    """Every so many-th value as float32, at most 64, for a small curve."""

    def fold(self, points: Sequence[Point]) -> Summary:
        """The summary of the series with these points after it."""
        if not points:
            return self
        numbers = _placed(points, first_index=self.count)
        finite = [(value, step) for value, step in numbers if math.isfinite(value)]
        lowest = _best(min, (self.minimum, self.minimum_step), finite)
        highest = _best(max, (self.maximum, self.maximum_step), finite)
        last = points[-1].value
        is_finite = isinstance(last, float) and math.isfinite(last)
        return Summary(
            count=self.count + len(numbers),
            last=float(last) if is_finite else None,
            last_step=points[-1].step,
            minimum=lowest[0],
            minimum_step=lowest[1],
            maximum=highest[0],
            maximum_step=highest[1],
            text="" if is_finite else str(last),
            outline=_outline(self.outline, self.count, [value for value, _ in numbers]),
        )


def outline_stride(count: int) -> int:
    """Every how many-th of so many values an outline has: a power of two."""
    return 1 << max(0, math.ceil(math.log2(max(1, count) / OUTLINE_POINTS)))


def _outline(known: bytes, count: int, new: Sequence[float]) -> bytes:
    """The outline of a series that had `count` values and has some more."""
    before, after = outline_stride(count), outline_stride(count + len(new))
    values = array("f", bytes(known))[:: after // before]
    values.extend(new[-count % after :: after])
    return values.tobytes()


_Placed = tuple[float | None, float | None]
"""A value and its step."""


def _placed(points: Sequence[Point], *, first_index: int) -> list[tuple[float, float]]:
    """The numbers with their steps; without one, the place in the series is the step."""
    numbers = (point for point in points if isinstance(point.value, float))
    return [
        (float(point.value), index if point.step is None else point.step)
        for index, point in enumerate(numbers, start=first_index)
    ]


def _best(
    choose: Callable[..., tuple[float, float]], known: _Placed, new: list[tuple[float, float]]
) -> _Placed:
    """The best value and where it was first reached."""
    before = [known] if known[0] is not None else []
    return choose([*before, *new], key=itemgetter(0), default=(None, None))


def parse(lines: bytes) -> Parsed:
    """The points in some whole lines; one bad line never costs the others."""
    points: list[Point] = []
    malformed = 0
    for line in lines.split(b"\n"):
        if not line.strip():
            continue
        try:
            points.append(_point(json.loads(line)))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            malformed += 1
    return Parsed(points, malformed)


def pack(points: Sequence[Point], *, first_index: int = 0) -> bytes:
    """Numbers as they are stored; a point without a step has its place in the series as one."""
    return b"".join(
        _POINT.pack(index if point.step is None else point.step, point.time, float(point.value))
        for index, point in enumerate(points, start=first_index)
    )


def unpack(data: bytes) -> list[tuple[float, float, float]]:
    """The (step, time, value) of packed points."""
    return list(_POINT.iter_unpack(data))


def _point(item: dict[str, object]) -> Point:
    name, value, step, time = item["n"], item["v"], item.get("s"), item["t"]
    if isinstance(value, int):
        value = float(value)
    if not (isinstance(name, str) and name and isinstance(value, float | str)):
        raise TypeError
    if len(name) > NAME_LENGTH or not isinstance(time, int | float) or not math.isfinite(time):
        raise ValueError
    _check_text(name)
    if isinstance(value, str):
        _check_text(value)
    return Point(name, value, _step(step), float(time))


def _step(step: object) -> float | None:
    """A step that can be a place on an axis; a value with another one is still a value."""
    if isinstance(step, int | float) and math.isfinite(step):
        return float(step)
    return None


def _check_text(text: str) -> None:
    """Refuse what no database can keep."""
    if "\0" in text:
        raise ValueError
    text.encode()
