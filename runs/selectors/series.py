"""Reading series of metrics as charts need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runs.metrics import CHUNK_POINTS, unpack
from runs.models import MetricChunk, MetricSeries, Run
from runs.series import Floats, Seen, Window, cut, cut_tail, unpacked, written
from studio.lib.refusal import NotFound

Axis = Literal["step", "time", "relative"]
MAX_NAMES = 100
_CHUNKS_AT_ONCE = 16


@dataclass(frozen=True)
class SeriesWish:
    """Which series a chart wants, over what, and what of them it has."""

    names: Sequence[str]
    axis: Axis
    window: Window
    seen: Sequence[Seen] = ()
    """One for each name, or none at all."""


def run_origin(*, run: Run) -> float:
    """The moment from which on relative times are counted, in Unix time."""
    return (run.started_at or run.created_at).timestamp()


def series_version(*, run: Run, names: Sequence[str]) -> str:
    """Changes whenever one of the series does."""
    rows = MetricSeries.objects.filter(run=run, name__in=names).order_by("pk")
    return ",".join(f"{pk}.{count}" for pk, count in rows.values_list("pk", "count"))


def series_cuts(*, run: Run, wish: SeriesWish) -> dict[str, Any]:
    """What the chart shows, by name, as `runs.series.written` has it, with the count of points.

    Raises:
        NotFound: one of the names; the sentence says which there are.
    """
    known = {series.name: series for series in run.series.filter(name__in=wish.names)}
    for name in wish.names:
        if name not in known:
            names = ", ".join(run.series.values_list("name", flat=True)[:20]) or "none yet"
            raise NotFound(f"Run {run.pk} has no metric '{name}': it has {names}.", field="keys")
    seen = wish.seen or (None,) * len(wish.names)
    return {
        name: _cut(known[name], wish, has, run_origin(run=run))
        for name, has in zip(wish.names, seen, strict=True)
    }


def _cut(series: MetricSeries, wish: SeriesWish, seen: Seen | None, origin: float) -> Any:
    if seen is not None and seen.count <= series.count:
        # the last bucket is made anew, and may begin in the chunk before
        skipped = max(0, (seen.count - 1) // CHUNK_POINTS - 1)
        x, values = _read(series, wish.axis, origin, first_chunk=skipped)
        tail = cut_tail(x, values, wish.window, seen, skipped * CHUNK_POINTS)
        if tail is not None:
            total = skipped * CHUNK_POINTS + len(x)
            return written(tail) | {"count": total, "is_tail": True}
    x, values = _read(series, wish.axis, origin)
    return written(cut(x, values, wish.window)) | {"count": len(x), "is_tail": False}


def _read(
    series: MetricSeries, axis: Axis, origin: float, first_chunk: int = 0
) -> tuple[Floats, NDArray[np.float64]]:
    """The places and the values from a chunk on, each in one piece of memory."""
    chunks = MetricChunk.objects.filter(series=series, index__gte=first_chunk).order_by("index")
    stored = chunks.values_list("points", flat=True).iterator(chunk_size=_CHUNKS_AT_ONCE)
    x, values = np.empty((2, series.count - first_chunk * CHUNK_POINTS))
    end = 0
    for data in stored:
        points = unpacked(bytes(data))[: len(x) - end]  # what came since it was counted comes later
        start, end = end, end + len(points)
        x[start:end] = points[:, 0 if axis == "step" else 1]
        values[start:end] = points[:, 2]
    x, values = x[:end], values[:end]
    return (x - origin if axis == "relative" else x), values


def series_points(*, series_id: int, index: int) -> list[tuple[float, float, float]] | None:
    """The (step, time, value) of one chunk; None past the last one."""
    chunk = MetricChunk.objects.filter(series_id=series_id, index=index).first()
    return None if chunk is None else unpack(bytes(chunk.points))
