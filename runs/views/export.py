"""The list of runs as a table for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from runs.models import Run
from runs.params import number_of, params_of
from runs.selectors.export import matching_ids, metric_names, table_part
from runs.selectors.rows import LastValue, metrics_by_run
from runs.views.columns import Column
from runs.views.runs import list_asked
from studio.lib.refusal import Refused
from studio.pages import PageRequest, current_workspace, page

_AT_ONCE = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@page
def download(request: PageRequest) -> HttpResponseBase:
    """All runs that match with the chosen columns, as CSV; `metrics` becomes a column for each."""
    asked = list_asked(request)
    if asked.problem:
        raise Refused(asked.problem.sentence, field="q")
    workspace = current_workspace(request)
    ids = matching_ids(user=request.user, workspace=workspace, query=asked.query)
    columns = _expanded(asked.columns, ids)
    answer = StreamingHttpResponse(_lines(ids, columns), content_type="text/csv; charset=utf-8")
    name = f"runs-{timezone.now():%Y-%m-%d}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _expanded(columns: Sequence[Column], ids: Sequence[int]) -> list[Column]:
    found: list[Column] = []
    for column in columns:
        if column == Column("metrics"):
            found += [Column("metrics", name) for name in metric_names(ids=ids)]
        else:
            found.append(column)
    return list(dict.fromkeys(found))


async def _lines(ids: Sequence[int], columns: Sequence[Column]) -> AsyncIterator[str]:
    """The table, some hundred runs at a time: ten thousand never stand in memory."""
    yield _written([["id", *map(str, columns)]])
    for start in range(0, len(ids), _AT_ONCE):
        yield await sync_to_async(_part)(ids[start : start + _AT_ONCE], columns)


def _part(ids: Sequence[int], columns: Sequence[Column]) -> str:
    runs = table_part(ids=ids)
    names = [column.key for column in columns if column.field == "metrics"]
    metrics = metrics_by_run(runs=runs, names=names) if names else {}
    return _written([_row(run, columns, metrics.get(run.pk, [])) for run in runs])


def _written(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _row(run: Run, columns: Sequence[Column], metrics: Sequence[LastValue]) -> list[str]:
    last = {metric.name: metric for metric in metrics}
    params = params_of(run.command)
    return [str(run.pk), *(_cell(run, column, last, params) for column in columns)]


def _cell(
    run: Run, column: Column, metrics: Mapping[str, LastValue], params: Mapping[str, str]
) -> str:
    if column.field == "metrics":
        metric = metrics.get(column.key)
        if metric is None:
            return ""
        return repr(metric.last) if metric.last is not None else _safe(metric.text)
    if column.field == "params":
        return _safe(params.get(column.key, ""))
    return _safe(_PLAIN[column.field](run))


def _safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula; numbers stay as they are."""
    is_formula = text.startswith(_FORMULA) and number_of(text) is None
    return f"'{text}" if is_formula else text


def _seconds(run: Run) -> str:
    if run.started_at is None or run.ended_at is None:
        return ""
    return repr((run.ended_at - run.started_at).total_seconds())


_PLAIN: dict[str, Callable[[Run], str]] = {
    "status": lambda run: run.status,
    "name": lambda run: run.name,
    "experiment": lambda run: run.experiment.name,
    "target": lambda run: run.target.name,
    "created": lambda run: run.created_at.isoformat(),
    "started": lambda run: run.started_at.isoformat() if run.started_at else "",
    "ended": lambda run: run.ended_at.isoformat() if run.ended_at else "",
    "duration": _seconds,
    "user": lambda run: run.submitted_by.username if run.submitted_by else "",
    "script": lambda run: run.script,
    "environment": lambda run: str(run.environment_version),
    "source": lambda run: run.source.name if run.source else "",
    "priority": lambda run: str(run.priority),
    "gpus": lambda run: "all" if run.gpus is None else str(run.gpus),
}
