"""Series cut into buckets for a chart: as many as it has columns, and no peak lost from sight.

Widths of buckets are powers of two and their borders multiples of the width. So the borders stay
where they are while a series grows, until its buckets are merged in pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POINTS_A_COLUMN = 2
"""Up to so many points a column each one is drawn; past that there are buckets."""


@dataclass(frozen=True)
class Window:
    """What a chart shows: a part of the axis, and how many columns it has for it."""

    columns: int
    start: float = -math.inf
    end: float = math.inf
    is_log: bool = False
    """Columns are even on a logarithmic axis; what is not above zero has no place there."""


@dataclass(frozen=True)
class Seen:
    """What a page has of a growing series that it shows whole."""

    count: int
    """How many points there were."""
    width: float
    first: float
    last: float
    """Where its first and its last bucket begin."""


@dataclass(frozen=True)
class Cut:
    """What of a series is seen through a window; all arrays are of one length."""

    width: float
    """Of a bucket, on a logarithmic axis in powers of two; 0: every point is there."""
    x: Floats
    """Where the first point of each bucket is."""
    least: Floats
    """Of the finite values; nan where a bucket has none."""
    most: Floats
    mean: Floats
    last: Floats
    """The last value, also when it is not finite."""
    odd: Floats
    """The places of buckets with a value that is not finite."""
    odd_count: int
    """How many values are not finite."""

    @property
    def is_whole(self) -> bool:
        """Whether every point is there."""
        return self.width == 0


def unpacked(data: bytes) -> Floats:
    """The columns step, time and value of packed points, without a copy of them."""
    return np.frombuffer(data, dtype="<f8").reshape(-1, 3)


def bucket_width(low: float, high: float, columns: int) -> float:
    """The least power of two that covers the span with so many buckets."""
    part = high / columns - low / columns
    return 2.0 ** math.ceil(math.log2(part)) if part > 0 else 1.0


def bucket_start(x: float, width: float) -> float:
    """The border at or before a place."""
    return math.floor(x / width) * width if width else x


def cut(x: Floats, values: Floats, window: Window) -> Cut:
    """The points that a window shows, and one neighbour on each side so that lines reach its edges.

    Points of one place keep the order in which they were logged.
    """
    x, values = _in_order(x, values)
    if window.is_log:
        is_placed = x > 0
        x, values = x[is_placed], values[is_placed]
    places = np.log2(x) if window.is_log else x
    first = int(np.searchsorted(x, window.start))
    behind = int(np.searchsorted(x, window.end, side="right"))
    if behind - first <= POINTS_A_COLUMN * window.columns:
        shown = slice(max(0, first - 1), behind + 1)
        return _whole(x[shown], values[shown])
    low, high = float(places[first]), float(places[behind - 1])
    width = bucket_width(low, high, window.columns)
    # the first and the last bucket are whole, so that they say the same through each window
    first = min(first - 1, int(np.searchsorted(places, bucket_start(low, width))))
    end = int(np.searchsorted(places, bucket_start(high, width) + width))
    shown = slice(max(0, first), max(behind + 1, end))
    starts = _starts(places[shown], low, high, width)
    return _bucketed(x[shown], values[shown], starts, width)


def cut_tail(x: Floats, values: Floats, window: Window, seen: Seen, skipped: int) -> Cut | None:
    """What a page lacks that shows a growing series whole; None: it needs all of it anew.

    `x` and `values` are the end of the series, without the `skipped` points before it. Single
    points come after those that the page has; buckets replace the page's from the first one on.
    """
    new = slice(seen.count - skipped, None)
    if window.is_log or x[new].min(initial=math.inf) < seen.last:
        return None
    found = _tail(x, values, window, seen, skipped)
    odd_count = int(np.count_nonzero(~np.isfinite(values[new])))
    return found and replace(found, odd_count=odd_count)


def _tail(x: Floats, values: Floats, window: Window, seen: Seen, skipped: int) -> Cut | None:
    new = slice(seen.count - skipped, None)
    if not seen.width:
        is_fitting = skipped + len(x) <= POINTS_A_COLUMN * window.columns
        return _whole(*_in_order(x[new], values[new])) if is_fitting else None
    end = max(seen.last, x[new].max(initial=-math.inf))
    border = bucket_start(seen.last, seen.width)
    is_reached = skipped == 0 or x[0] < border
    if not is_reached or bucket_width(seen.first, end, window.columns) != seen.width:
        return None
    x, values = _in_order(x, values)
    start = int(np.searchsorted(x, border))
    x, values = x[start:], values[start:]
    return _bucketed(x, values, _starts(x, border, end, seen.width), seen.width)


def _in_order(x: Floats, values: Floats) -> tuple[Floats, Floats]:
    """By place: a script that goes back to an earlier step, or two that write one series."""
    if np.all(x[1:] >= x[:-1]):
        return x, values
    order = np.argsort(x, kind="stable")
    return x[order], values[order]


def _whole(x: Floats, values: Floats) -> Cut:
    is_finite = np.isfinite(values)
    shown = np.where(is_finite, values, np.nan)
    odd = x[~is_finite]
    return Cut(0.0, x, shown, shown, shown, shown, odd, len(odd))


def _starts(places: Floats, low: float, high: float, width: float) -> NDArray[np.int64]:
    """Which points begin a bucket: the first one, and the first at each border of the span."""
    border = bucket_start(low, width)
    count = int(math.floor(high / width) - border / width) + 2
    with np.errstate(over="ignore"):
        borders = border + width * np.arange(count)
    found = np.searchsorted(places, borders)
    return np.unique(np.concatenate([[0], found[found < len(places)]]))


def _bucketed(x: Floats, values: Floats, starts: NDArray[np.int64], width: float) -> Cut:
    ends = np.append(starts[1:], len(x)) - 1
    is_finite = np.isfinite(values)
    counts = np.add.reduceat(is_finite, starts, dtype=np.int64)
    is_empty = counts == 0
    is_all = bool(is_finite.all())  # then nothing is left out, which would be a copy of them

    def of_buckets(function: np.ufunc, instead: float) -> Floats:
        usable = values if is_all else np.where(is_finite, values, instead)
        found: Floats = function.reduceat(usable, starts)
        return np.where(is_empty, np.nan, found)

    least, most = of_buckets(np.minimum, math.inf), of_buckets(np.maximum, -math.inf)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean = np.clip(of_buckets(np.add, 0.0) / counts, least, most)
    sizes = ends - starts + 1
    last = np.where(is_finite[ends], values[ends], np.nan)
    odd = x[starts[counts < sizes]]
    return Cut(width, x[starts], least, most, mean, last, odd, int(len(x) - counts.sum()))


def written(found: Cut) -> dict[str, Any]:
    """A cut as JSON has it; null where there is no finite number."""
    said: dict[str, Any] = {
        "width": found.width,
        "x": _numbers(found.x),
        "last": _numbers(found.last),
        "odd": _numbers(found.odd),
        "odd_count": found.odd_count,
    }
    if not found.is_whole:
        said |= {
            "min": _numbers(found.least),
            "max": _numbers(found.most),
            "mean": _numbers(found.mean),
        }
    return said


def _numbers(values: Floats) -> list[Any]:
    """Whole numbers without a point, so that an axis of steps is short."""
    if np.isnan(values).any():
        return [None if math.isnan(value) else value for value in values.tolist()]
    if np.all(np.abs(values) < 2**53) and np.all(values == np.trunc(values)):
        return list(values.astype(np.int64).tolist())
    return list(values.tolist())
