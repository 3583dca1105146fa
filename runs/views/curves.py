"""Resource samples as small curves with their last and highest value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from runs.templatetags.runyard import size

_WIDTH, _HEIGHT = 600, 60
_MAX_POINTS = 600

Sample = dict[str, Any]


@dataclass(frozen=True)
class Curve:
    """One measure over time, drawn in a box of 600 x 60."""

    label: str
    last: str
    highest: str
    points: str
    """The corners of an SVG polyline."""
    count: int
    seconds: float


def sample_curves(samples: Sequence[Sample]) -> list[Curve]:
    """One curve for each measure that the samples have."""
    if not samples:
        return []
    curves = [
        _curve("CPU", samples, [s.get("cpu_percent") for s in samples], lambda v: f"{v:.0f} %"),
        _curve("Memory", samples, [s.get("rss_bytes") for s in samples], _bytes),
        _curve("Processes", samples, [s.get("processes") for s in samples], lambda v: f"{v:.0f}"),
        _curve("Read", samples, _rates(samples, "read_bytes"), _byte_rate),
        _curve("Written", samples, _rates(samples, "write_bytes"), _byte_rate),
        _curve("Free disk", samples, [s.get("disk_free_bytes") for s in samples], _bytes),
    ]
    curves += _gpu_curves(samples)
    return [curve for curve in curves if curve is not None]


def _gpu_curves(samples: Sequence[Sample]) -> list[Curve | None]:
    indexes = sorted({gpu["index"] for sample in samples for gpu in sample.get("gpus") or []})
    curves: list[Curve | None] = []
    for index in indexes:
        of_gpu: list[dict[str, float]] = [
            next((gpu for gpu in s.get("gpus") or [] if gpu["index"] == index), {}) for s in samples
        ]
        curves.append(
            _curve(f"GPU {index}", samples, [g.get("util") for g in of_gpu], lambda v: f"{v:.0f} %")
        )
        curves.append(
            _curve(f"GPU {index} memory", samples, [g.get("mem_bytes") for g in of_gpu], _bytes)
        )
    return curves


def _rates(samples: Sequence[Sample], name: str) -> list[float | None]:
    """Bytes a second between one sample and the next."""
    rates: list[float | None] = [None]
    for before, after in pairwise(samples):
        time = after["t"] - before["t"]
        is_known = name in before and name in after and time > 0
        rates.append(max(0.0, after[name] - before[name]) / time if is_known else None)
    return rates


def _curve(
    label: str,
    samples: Sequence[Sample],
    values: Iterable[float | None],
    write: Callable[[float], str],
) -> Curve | None:
    known = [(s["t"], float(v)) for s, v in zip(samples, values, strict=True) if v is not None]
    if not known:
        return None
    start, end = known[0][0], known[-1][0]
    top = max(value for _, value in known)
    span, height = (end - start) or 1.0, top or 1.0
    corners = [
        f"{(t - start) / span * _WIDTH:.1f},{_HEIGHT - value / height * (_HEIGHT - 4) - 2:.1f}"
        for t, value in _thinned(known)
    ]
    return Curve(label, write(known[-1][1]), write(top), " ".join(corners), len(known), end - start)


def _thinned(known: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most as many points as the box has columns; the highest of each column stays."""
    step = -(-len(known) // _MAX_POINTS)
    return [max(known[i : i + step], key=lambda p: p[1]) for i in range(0, len(known), step)]


def _bytes(value: float) -> str:
    return size(int(value))


def _byte_rate(value: float) -> str:
    return f"{size(int(value))}/s"
