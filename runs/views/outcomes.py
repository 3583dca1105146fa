"""What came of two runs, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from runs.models import MetricSeries, Run
from runs.selectors.runs import run_metrics
from runs.templatetags.runyard import duration, number

_ROWS = 200


@dataclass(frozen=True)
class Outcome:
    """One thing that came of both; "" where it came of one alone."""

    label: str
    old: str
    new: str
    change: str = ""
    """How far the second is from the first, with its sign, of numbers that differ."""


def outcomes(old: Run, new: Run) -> tuple[list[Outcome], list[Outcome], int]:
    """(status and time taken, the last value of each metric, how many metrics are left out)."""
    facts = [
        Outcome("Status", old.get_status_display(), new.get_status_display()),
        Outcome("Took", duration(old.took), duration(new.took)),
    ]
    before, after = run_metrics(run=old), run_metrics(run=new)
    names = sorted(before.keys() | after.keys())
    metrics = [_metric(name, before.get(name), after.get(name)) for name in names[:_ROWS]]
    return facts, metrics, len(names) - len(metrics)


def _metric(name: str, old: MetricSeries | None, new: MetricSeries | None) -> Outcome:
    change = ""
    if old and new and old.last is not None and new.last is not None and old.last != new.last:
        change = f"{'+' if new.last > old.last else ''}{number(new.last - old.last)}"
    return Outcome(name, _last(old), _last(new), change)


def _last(series: MetricSeries | None) -> str:
    return (series.text or number(series.last)) if series else ""
