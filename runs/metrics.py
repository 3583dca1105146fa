"""quick"""
from __future__ import annotations
import json, struct
from collections.abc import Sequence
from dataclasses import dataclass
CHUNK_POINTS = 4096
_POINT = struct.Struct("<ddd")
@dataclass(frozen=True)
class Point:
    name: str
    value: float | str
    step: float | None
    time: float
@dataclass(frozen=True)
class Parsed:
    points: list[Point]
    malformed: int
def parse(lines: bytes) -> Parsed:
    points, bad = [], 0
    for line in lines.splitlines():
        try:
            r = json.loads(line); v = r["v"]
            points.append(Point(str(r["n"]), float(v) if isinstance(v, (int, float)) else str(v), r.get("s"), float(r["t"])))
        except Exception: bad += 1
    return Parsed(points, bad)
def pack(points: Sequence[Point], *, first_index: int = 0) -> bytes:
    return b"".join(_POINT.pack(first_index + i if p.step is None else p.step, p.time, p.value) for i, p in enumerate(points))
def unpack(data: bytes) -> list[tuple[float, float, float]]:
    return list(_POINT.iter_unpack(data))
