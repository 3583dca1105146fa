"""Runs as rows of a table."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils.safestring import SafeString, mark_safe

from runs.addresses import run_url
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
    address: str


def run_rows(runs: Iterable[Run], columns: Sequence[Column] = USUAL) -> list[RunRow]:
    """A row for each run."""
    listed = list(runs)
    names = {column.key for column in columns if column.field == "metrics"}
    wants_all = "" in names
    found = (
        metrics_by_run(runs=listed, names=None if wants_all else names) if listed and names else {}
    )
    table = _Table.of(columns)
    return [_row(run, table, found.get(run.pk, [])) for run in listed]


def took_of(run: Run) -> timedelta | None:
    """From the start of its command to the end; None before either."""
    return run.ended_at - run.started_at if run.ended_at and run.started_at else None


@dataclass(frozen=True)
class _Table:
    """What all rows of a table have in common, found out once."""

    columns: Sequence[Column]
    starts: Sequence[str]
    """The tags before the contents."""
    names: Sequence[str]
    metrics: Sequence[str]
    """Those that have a column of their own."""
    has_params: bool
    has_usual: bool

    @classmethod
    def of(cls, columns: Sequence[Column]) -> _Table:
        return cls(
            columns,
            [f'<td class="{column.classes}">' for column in columns],
            [str(column) for column in columns],
            [column.key for column in columns if column.field == "metrics" and column.key],
            any(column.field == "params" for column in columns),
            USUAL_METRICS in columns,
        )


def _row(run: Run, table: _Table, found: Sequence[LastValue]) -> RunRow:
    metrics = {metric.name: metric for metric in found}
    params = params_of(run.command) if table.has_params else {}
    shown = found[:_SHOWN_METRICS]
    more = len(found) - len(shown)
    written = "".join(
        f"{start}{cell_html(column, run, metrics, params, shown, more)}</td>"
        for start, column in zip(table.starts, table.columns, strict=True)
    )
    cells = mark_safe(written)  # noqa: S308  (classes are ours, and contents are HTML already)
    seen = [metrics.get(name) for name in table.metrics]
    seen += [*shown, LastValue("", more, "")] if table.has_usual else []
    version = _version(run, table.names, seen)
    return RunRow(run, took_of(run), shown, more, cells, version, run_url(run.pk))


def _version(run: Run, columns: Sequence[str], metrics: Sequence[LastValue | None]) -> str:
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
        columns,
        metrics,
    )
    return f"{zlib.crc32(repr(seen).encode()):08x}"
