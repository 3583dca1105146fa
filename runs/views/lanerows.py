"""Resource samples as rows of a table, each with a small curve for pages without scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runs.series import Floats
from runs.sparks import corners
from runs.templatetags.runyard import size
from runs.usage import Lane, Line, Unit

_WIDTH, _HEIGHT = 600, 60

_WRITE: Mapping[Unit, Callable[[float], str]] = {
    "percent": lambda value: f"{value:.0f} %",
    "bytes": lambda value: size(round(value)),
    "rate": lambda value: f"{size(round(value))}/s",
    "count": lambda value: f"{value:.0f}",
}


@dataclass(frozen=True)
class LaneRow:
    """One measure over time, drawn in a box of 600 x 60, and in figures."""

    label: str
    mean: str
    highest: str
    last: str
    limit: str
    points: str
    """The corners of an SVG polyline."""
    count: int
    seconds: float


def lane_rows(times: Floats, lanes: Sequence[Lane]) -> list[LaneRow]:
    """A row for each line of each lane."""
    return [_row(times, lane, line) for lane in lanes for line in lane.lines]


def _row(times: Floats, lane: Lane, line: Line) -> LaneRow:
    write = _WRITE[lane.unit]
    is_known = np.isfinite(line.values)
    known, at = line.values[is_known], times[is_known]
    alone = line.label.lower() in lane.title.lower()
    return LaneRow(
        label=lane.title if alone else f"{lane.title}, {line.label}",
        mean=write(float(known.mean())),
        highest=write(float(known.max())),
        last=write(float(known[-1])),
        limit=write(lane.limit) if lane.limit else "",
        points=corners(at, known, width=_WIDTH, height=_HEIGHT, from_zero=True),
        count=len(known),
        seconds=float(at[-1] - at[0]),
    )
