"""What stands in each column of a row of the table of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from runs.addresses import tag_url
from runs.models import Run
from runs.selectors.rows import LastValue
from runs.templatetags.runyard import ago, duration, number, status, ticking
from runs.views.columns import Column

NOTHING = mark_safe('<span class="quiet">–</span>')  # noqa: RUF001  (our own constant)


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
) -> SafeString:
    """The content of one cell; `shown` are some of its metrics, and there are `more`."""
    if not column.key:
        return _CELLS[column.field](_Told(run, shown, more))
    if column.field == "metrics":
        metric = metrics.get(column.key)
        return format_html("{}", _last(metric)) if metric else NOTHING
    return _long_text(params[column.key]) if column.key in params else NOTHING


def _last(metric: LastValue) -> str:
    return metric.text or number(metric.last)


def _long_text(text: str) -> SafeString:
    return format_html('<span class="clip" title="{}">{}</span>', text, text)


def _status(told: _Told) -> SafeString:
    run = told.run
    is_stopping = run.cancel_requested_at is not None and not run.is_final
    return _status_html(run.status, "stopping" if is_stopping else "")


@lru_cache(maxsize=64)
def _status_html(word: str, label: str) -> SafeString:
    return status(word, label)


def _name(told: _Told) -> SafeString:
    run = told.run
    tags = format_html_join(
        " ",
        '<a class="tag" href="{}">{}</a>',
        (
            (tag_url(name, value), f"{name}={value}" if value else name)
            for name, value in run.tags.items()
        ),
    )
    error = format_html('<span class="error-line" title="{}">{}</span>', run.error, run.error)
    return format_html(
        '<a class="run-name" href="{}">{}</a> {}{}',
        reverse("runs:detail", args=[run.pk]),
        run.name,
        tags,
        error if run.error else "",
    )


def _metrics(told: _Told) -> SafeString:
    listed = format_html_join(
        ", ",
        '<span class="nowrap"><span class="quiet">{}</span> {}</span>',
        ((metric.name, _last(metric)) for metric in told.shown),
    )
    rest = format_html(', <span class="quiet">+{}</span>', told.more) if told.more else ""
    return format_html("{}{}", listed, rest)


def _duration(told: _Told) -> SafeString:
    run = told.run
    if run.started_at and run.ended_at:
        return format_html("{}", duration(run.ended_at - run.started_at))
    if run.started_at and not run.is_final:
        return format_html("{}", ticking(run.started_at))
    return NOTHING


def _text(text: str | None) -> SafeString:
    return format_html("{}", text) if text else NOTHING


_CELLS: dict[str, Callable[[_Told], SafeString]] = {
    "status": _status,
    "name": _name,
    "experiment": lambda told: _text(told.run.experiment.name),
    "target": lambda told: _text(told.run.target.name),
    "metrics": _metrics,
    "created": lambda told: _text(ago(told.run.created_at)),
    "started": lambda told: _text(ago(told.run.started_at)),
    "ended": lambda told: _text(ago(told.run.ended_at)),
    "duration": _duration,
    "user": lambda told: _text(told.run.submitted_by.username if told.run.submitted_by else ""),
    "script": lambda told: _text(told.run.script),
    "environment": lambda told: _text(str(told.run.environment_version)),
    "source": lambda told: _text(told.run.source.name if told.run.source else ""),
    "priority": lambda told: _text(str(told.run.priority)),
    "gpus": lambda told: _text("all" if told.run.gpus is None else str(told.run.gpus)),
}
