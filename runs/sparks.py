"""Curves as the corners of an SVG polyline, for pages that draw without scripts."""

from __future__ import annotations

import numpy as np

from runs.series import Floats, Window, cut

_LINE_WIDTH, _LINE_HEIGHT = 80, 20


def outline_corners(outline: bytes) -> str:
    """The outline of a series as corners of a polyline in a box of 80 x 20; "" when it is none."""
    values = np.frombuffer(outline, dtype="<f4").astype(np.float64)
    return corners(np.arange(float(len(values))), values, width=_LINE_WIDTH, height=_LINE_HEIGHT)


def corners(x: Floats, values: Floats, *, width: int, height: int, from_zero: bool = False) -> str:
    """The curve in a box of this size, "x,y x,y …"; of each column the highest value.

    Values that are not finite are left out; "" when fewer than two are left.
    """
    found = cut(x, values, Window(max(2, width // 2)))
    is_known = np.isfinite(found.most)
    x, y = found.x[is_known], found.most[is_known]
    if len(x) < 2:
        return ""
    low, high = (0.0 if from_zero else y.min()), y.max()
    across = (x - x[0]) / ((x[-1] - x[0]) or 1) * width
    up = (y - low) / ((high - low) or 1) * (height - 4) + 2
    return " ".join(f"{a:.1f},{height - b:.1f}" for a, b in zip(across, up, strict=True))
