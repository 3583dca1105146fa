"""Metrics as rows of a table, which is what charts are made from too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runs.models import MetricSeries


@dataclass(frozen=True)
class MetricRow:
    """A series with its place among the others."""

    series: MetricSeries
    group: str
    """What is before the first slash of its name."""

    @property
    def is_drawn(self) -> bool:
        """Whether there is more to see than one value."""
        return self.series.count > 1


def metric_rows(found: Mapping[str, MetricSeries]) -> list[MetricRow]:
    """By group, those without one first."""
    rows = [MetricRow(series, _group(name)) for name, series in found.items()]
    return sorted(rows, key=lambda row: (row.group, row.series.name))


def _group(name: str) -> str:
    before, slash, _ = name.partition("/")
    return before if slash else ""
