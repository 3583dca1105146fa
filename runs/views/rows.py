"""Runs as rows of a table."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import prefetch_related_objects

from runs.models import MetricSeries, Run

_SHOWN_METRICS = 2


@dataclass(frozen=True)
class RunRow:
    """What a row shows of a run; its version changes exactly when the row would look different."""

    run: Run
    took: timedelta | None
    """From the start of its command to the end; None before either."""
    metrics: list[MetricSeries]
    more_metrics: int
    version: str


def run_rows(runs: Iterable[Run]) -> list[RunRow]:
    """A row for each run."""
    listed = list(runs)
    prefetch_related_objects(listed, "series")
    return [_row(run) for run in listed]


def _row(run: Run) -> RunRow:
    series = list(run.series.all())
    shown = series[:_SHOWN_METRICS]
    seen = (
        run.status,
        run.end_reason,
        run.error,
        run.name,
        run.tags,
        run.started_at,
        run.cancel_requested_at is not None,
        run.archived_at is not None,
        [(s.name, s.last, s.text) for s in shown],
        len(series),
    )
    version = f"{zlib.crc32(repr(seen).encode()):08x}"
    took = run.ended_at - run.started_at if run.ended_at and run.started_at else None
    return RunRow(run, took, shown, len(series) - len(shown), version)
