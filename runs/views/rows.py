"""Runs as rows of a table."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils.safestring import SafeString, mark_safe

from runs.models import Run
from runs.params import params_of
from runs.selectors.rows import LastValue, metrics_by_run
from runs.views.cells import cell_html
from runs.views.columns import DEFAULT, Column

USUAL = tuple(Column(name) for name in DEFAULT)
USUAL_METRICS = Column("metrics")
_SHOWN_METRICS = 2


@dataclass(frozen=True)
class RunRow:
    """What a row shows of a run; its version changes exactly when the row would look different."""

    run: Run
    took: timedelta | None
    """From the start of its command to the end; None before either."""
    metrics: Sequence[LastValue]
    """The first ones by name."""
    more_metrics: int
    cells: SafeString
    """One for each column."""
    version: str


def run_rows(runs: Iterable[Run], columns: Sequence[Column] = USUAL) -> list[RunRow]:
    """A row for each run."""
    listed = list(runs)
    names = {column.key for column in columns if column.field == "metrics"}
    wants_all = "" in names
    found = (
        metrics_by_run(runs=listed, names=None if wants_all else names) if listed and names else {}
    )
    return [_row(run, columns, found.get(run.pk, [])) for run in listed]


def took_of(run: Run) -> timedelta | None:
    """From the start of its command to the end; None before either."""
    return run.ended_at - run.started_at if run.ended_at and run.started_at else None


def _row(run: Run, columns: Sequence[Column], found: Sequence[LastValue]) -> RunRow:
    metrics = {metric.name: metric for metric in found}
    params = params_of(run.command) if any(c.field == "params" for c in columns) else {}
    shown = found[:_SHOWN_METRICS]
    more = len(found) - len(shown)
    contents = (cell_html(column, run, metrics, params, shown, more) for column in columns)
    pairs = zip(columns, contents, strict=True)
    written = "".join(f'<td class="{column.classes}">{content}</td>' for column, content in pairs)
    cells = mark_safe(written)  # noqa: S308  (classes are ours, and contents are safe already)
    seen = [metrics.get(c.key) for c in columns if c.field == "metrics" and c.key]
    seen += [*shown, LastValue("", more, "")] if USUAL_METRICS in columns else []
    return RunRow(run, took_of(run), shown, more, cells, _version(run, columns, seen))


def _version(run: Run, columns: Sequence[Column], metrics: Sequence[LastValue | None]) -> str:
    """Of the facts, not of the cells: what grows older is no change."""
    seen = (
        run.status,
        run.end_reason,
        run.error,
        run.name,
        run.tags,
        run.started_at,
        run.ended_at,
        run.priority,
        run.cancel_requested_at is not None,
        run.archived_at is not None,
        [str(column) for column in columns],
        metrics,
    )
    return f"{zlib.crc32(repr(seen).encode()):08x}"
