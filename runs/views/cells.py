"""What stands in each column of a row of the table of runs.

Written here as HTML with everything escaped: a list has thousands of cells, and a template, or one
format a cell, takes several times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from runs.addresses import run_url, tag_url
from runs.models import Run
from runs.selectors.rows import LastValue
from runs.templatetags.runyard import ago, duration, number, status, ticking
from runs.views.columns import Column

NOTHING = '<span class="quiet">–</span>'  # noqa: RUF001  (our own constant)


@dataclass(frozen=True)
class _Told:
    """A run with what was looked up for its row."""

    run: Run
    shown: Sequence[LastValue]
    more: int


def cell_html(
    column: Column,
    run: Run,
    metrics: Mapping[str, LastValue],
    params: Mapping[str, str],
    shown: Sequence[LastValue],
    more: int,
) -> str:
    """The content of one cell; `shown` are some of its metrics, and there are `more`."""
    if not column.key:
        return _CELLS[column.field](_Told(run, shown, more))
    if column.field == "metrics":
        metric = metrics.get(column.key)
        return _last(metric) if metric else NOTHING
    return _long_text(params[column.key]) if column.key in params else NOTHING


def _last(metric: LastValue) -> str:
    return escape(metric.text) or number(metric.last)


def _long_text(text: str) -> str:
    text = escape(text)
    return f'<span class="clip" title="{text}">{text}</span>'


def _status(told: _Told) -> str:
    run = told.run
    is_stopping = run.cancel_requested_at is not None and not run.is_final
    return _status_html(run.status, "stopping" if is_stopping else "")


@lru_cache(maxsize=64)
def _status_html(word: str, label: str) -> str:
    return status(word, label)


def _name(told: _Told) -> str:
    run = told.run
    tags = " ".join(_tag(name, value) for name, value in run.tags.items())
    link = f'<a class="run-name" href="{run_url(run.pk)}">{escape(run.name)}</a>'
    return f"{link} {tags}{_error(run.error) if run.error else ''}"


def _tag(name: str, value: str) -> str:
    text = f"{name}={value}" if value else name
    return f'<a class="tag" href="{escape(tag_url(name, value))}">{escape(text)}</a>'


def _error(text: str) -> str:
    text = escape(text)
    return f'<span class="error-line" title="{text}">{text}</span>'


def _metrics(told: _Told) -> str:
    listed = ", ".join(
        f'<span class="nowrap"><span class="quiet">{escape(metric.name)}</span> {_last(metric)}'
        "</span>"
        for metric in told.shown
    )
    return f'{listed}, <span class="quiet">+{told.more}</span>' if told.more else listed


def _duration(told: _Told) -> str:
    run = told.run
    if run.started_at and run.ended_at:
        return duration(run.ended_at - run.started_at)
    if run.started_at and not run.is_final:
        return ticking(run.started_at)
    return NOTHING


def _text(text: str | None) -> str:
    return escape(text) if text else NOTHING


_CELLS: dict[str, Callable[[_Told], str]] = {
    "status": _status,
    "name": _name,
    "experiment": lambda told: _text(told.run.experiment.name),
    "target": lambda told: f'<span class="nowrap">{escape(told.run.target.name)}</span>',
    "metrics": _metrics,
    "created": lambda told: ago(told.run.created_at) or NOTHING,
    "started": lambda told: ago(told.run.started_at) or NOTHING,
    "ended": lambda told: ago(told.run.ended_at) or NOTHING,
    "duration": _duration,
    "user": lambda told: _text(told.run.submitted_by.username if told.run.submitted_by else ""),
    "script": lambda told: _text(told.run.script),
    "environment": lambda told: _text(str(told.run.environment_version)),
    "source": lambda told: _text(told.run.source.name if told.run.source else ""),
    "priority": lambda told: _text(str(told.run.priority)),
    "gpus": lambda told: _text("all" if told.run.gpus is None else str(told.run.gpus)),
}
