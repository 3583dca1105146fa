"""What the processes of a run used over time: samples as columns of numbers."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from runs.series import Floats

Unit = Literal["percent", "bytes", "rate", "count"]


@dataclass(frozen=True)
class Line:
    """One measure, a value for each sample; nan where it is not known."""

    label: str
    values: Floats


@dataclass(frozen=True)
class Lane:
    """Measures of one kind, which are drawn over each other."""

    title: str
    unit: Unit
    lines: tuple[Line, ...]
    limit: float | None = None
    """What there is of it."""


@dataclass(frozen=True)
class Usage:
    """All samples of a run."""

    times: Floats
    """In Unix time."""
    columns: Mapping[str, Floats]
    gpus: Mapping[int, Mapping[str, Floats]]

    def lanes(self, facts: Mapping[str, Any]) -> list[Lane]:
        """What there is to see; `facts` are what the target's `hello` answered."""
        cores, memory = facts.get("cores"), facts.get("memory_bytes")
        lanes = [
            self._lane("CPU", "percent", {"CPU": "cpu_percent"}, cores and 100.0 * cores),
            self._lane("Memory", "bytes", {"memory": "rss_bytes"}, memory),
            *self._gpu_lanes(facts),
            self._lane("Disk", "rate", {"read": "read_bytes", "written": "write_bytes"}),
            self._lane("Network", "rate", {"received": "net_rx_bytes", "sent": "net_tx_bytes"}),
            self._lane("Free disk", "bytes", {"free": "disk_free_bytes"}),
            self._lane("Processes", "count", {"processes": "processes"}),
        ]
        return [lane for lane in lanes if lane.lines]

    def _lane(
        self, title: str, unit: Unit, names: Mapping[str, str], limit: float | None = None
    ) -> Lane:
        per_second: Callable[[Floats], Floats] = self._rate if unit == "rate" else lambda c: c
        lines = [Line(label, per_second(self.columns[name])) for label, name in names.items()]
        return Lane(title, unit, _known(lines), limit)

    def _gpu_lanes(self, facts: Mapping[str, Any]) -> list[Lane]:
        sizes = [gpu.get("memory_bytes") for gpu in facts.get("gpus") or []]
        limit = max((size for size in sizes if size), default=None)
        use = [Line(f"GPU {index}", of["util"]) for index, of in sorted(self.gpus.items())]
        memory = [Line(f"GPU {index}", of["mem_bytes"]) for index, of in sorted(self.gpus.items())]
        return [
            Lane("GPU use", "percent", _known(use), 100.0),
            Lane("GPU memory", "bytes", _known(memory), limit),
        ]

    def _rate(self, totals: Floats) -> Floats:
        """How much a second since the sample before; a process that ended takes its total along."""
        seconds, grown = np.diff(self.times), np.diff(totals)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = np.where(seconds > 0, np.maximum(grown, 0) / seconds, np.nan)
        return np.concatenate([[np.nan], rates])


def _known(lines: list[Line]) -> tuple[Line, ...]:
    return tuple(line for line in lines if np.isfinite(line.values).any())


_COLUMNS = ("cpu_percent", "rss_bytes", "processes", "read_bytes", "write_bytes", "net_rx_bytes",
            "net_tx_bytes", "disk_free_bytes")  # fmt: skip
_OF_A_GPU = ("util", "mem_bytes")


class Samples:
    """Samples as they come, line by line of JSON; what is no sample is left out."""

    def __init__(self) -> None:
        self._rows = array("d")
        self._count = 0
        self._gpu_rows: dict[int, dict[int, list[float]]] = {}

    def add(self, lines: Iterable[bytes]) -> None:
        """Take some more."""
        for row, gpus in filter(None, map(_sample, lines)):
            for index, of_gpu in gpus.items():
                self._gpu_rows.setdefault(index, {})[self._count] = of_gpu
            self._rows.extend(row)
            self._count += 1

    def usage(self) -> Usage:
        """All of them as columns."""
        table = np.array(self._rows, dtype=np.float64).reshape(-1, 1 + len(_COLUMNS))
        return Usage(
            times=table[:, 0],
            columns={name: table[:, n] for n, name in enumerate(_COLUMNS, start=1)},
            gpus={index: _spread(found, self._count) for index, found in self._gpu_rows.items()},
        )


def _sample(line: bytes) -> tuple[list[float], dict[int, list[float]]] | None:
    """A row of the table and those of the GPUs; the file lies where a script may write, too."""
    try:
        sample = json.loads(line)
        row = [float(sample["t"]), *(float(sample.get(name, math.nan)) for name in _COLUMNS)]
        gpus = {
            int(gpu["index"]): [float(gpu.get(name, math.nan)) for name in _OF_A_GPU]
            for gpu in sample.get("gpus") or ()
        }
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    return (row, gpus) if math.isfinite(row[0]) else None


def _spread(found: Mapping[int, list[float]], count: int) -> dict[str, Floats]:
    """A column for each measure of a GPU, which a sample may lack."""
    table = np.full((count, len(_OF_A_GPU)), np.nan)
    table[list(found)] = list(found.values())
    return {name: table[:, n] for n, name in enumerate(_OF_A_GPU)}
