"""What can stand at a place of a query: the fields, and what the workspace's newest runs have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from compute.selectors import target_list
from runs.completing import Part, Spot, spot_at
from runs.models import MetricSeries, Run, RunParam
from runs.query import (
    FIELDS,
    FLAGS,
    GROUPS,
    KEYED,
    ORDERS,
    Kind,
    column_text,
    term_text,
    value_text,
)
from runs.selectors.runs import experiment_list, runs_of
from runs.states import Status
from studio.models import User, Workspace

LOOKED_AT = 500
"""So many of the newest runs tell which names and values there are."""
OFFERED = 50
HINTS = {
    "status": "running, failed, … or live, ended",
    "experiment": "by name",
    "target": "where it runs",
    "user": "who submitted it, or me",
    "environment": "by name, or name:3",
    "source": "by name",
    "name": "a part of it",
    "script": "a part of its path",
    "error": "a part of the error line",
    "tag": "paper, or seed=3",
    "metrics": "the last value of a metric",
    "params": "a parameter of the command",
    "created": "a day, or an age like 7d",
    "started": "a day, or an age like 7d",
    "ended": "a day, or an age like 7d",
    "duration": "30s, 5m, 1h30m",
    "id": "a number",
    "priority": "a number",
    "gpus": "a number",
    "is": "archived",
    "sort": "- before it: the greatest first",
}
_AGES = ("1h", "1d", "7d", "30d")
_LENGTHS = ("1m", "10m", "1h", "1d")


@dataclass(frozen=True)
class Choice:
    """Something to put in place of what stands from `start` to `end`."""

    text: str
    hint: str
    start: int
    end: int


def completions(*, user: User, workspace: Workspace, text: str, at: int) -> list[Choice]:
    """What fits there, the likeliest first; nothing that the user may not see."""
    spot = spot_at(text, at)
    known = _Known(user, workspace)
    pairs = _OFFERS[spot.part](spot, known)
    typed = spot.typed.lower()
    fitting = [pair for pair in dict.fromkeys(pairs) if typed in pair[0].lower()]
    fitting.sort(key=lambda pair: not pair[0].lower().lstrip('-"').startswith(typed))
    return [Choice(word, hint, spot.start, spot.end) for word, hint in fitting[:OFFERED]]


class _Known:
    """What there is in a workspace for one user."""

    def __init__(self, user: User, workspace: Workspace) -> None:
        self.user = user
        self.workspace = workspace
        self.runs: QuerySet[Run] = runs_of(user=user).filter(workspace=workspace)

    def newest(self) -> list[int]:
        return list(self.runs.order_by("-pk").values_list("pk", flat=True)[:LOOKED_AT])

    def names(self, field: str) -> list[str]:
        """Of metrics or parameters."""
        model = MetricSeries if field == "metrics" else RunParam
        rows = model._default_manager.filter(run__in=self.newest()).order_by("name")
        return list(rows.values_list("name", flat=True).distinct())

    def values(self, field: str, key: str) -> list[str]:
        """Of one parameter; a metric's are too many and too different to be offered."""
        if field == "metrics":
            return []
        rows = RunParam.objects.filter(run__in=self.newest(), name=key).order_by("text")
        return list(rows.values_list("text", flat=True).distinct()[:LOOKED_AT])

    def of(self, column: str) -> list[str]:
        """The values of a column of the newest runs."""
        rows = self.runs.filter(pk__in=self.newest()).order_by(column)
        return [value for value in rows.values_list(column, flat=True).distinct() if value]

    def tags(self) -> list[str]:
        found: dict[str, None] = {}
        for tags in self.runs.order_by("-pk").values_list("tags", flat=True)[:LOOKED_AT]:
            for name, value in tags.items():
                found[name] = None
                if value:
                    found[f"{name}={value}"] = None
        return list(found)


def _fields(spot: Spot, known: _Known) -> Iterable[tuple[str, str]]:
    for name, kind in FIELDS.items():
        mark = "." if name in KEYED else ">" if kind in {Kind.MOMENT, Kind.LENGTH} else ":"
        yield name + mark, HINTS[name]
    yield "sort:", HINTS["sort"]
    if len(spot.typed) >= 2:
        for word in (*GROUPS, *Status):
            yield term_text("status", str(word)), ""
        for experiment in experiment_list(user=known.user, workspace=known.workspace):
            yield term_text("experiment", experiment.name), ""
        for tag in known.tags():
            yield term_text("tag", tag), ""


def _keys(spot: Spot, known: _Known) -> Iterable[tuple[str, str]]:
    if spot.field in KEYED:
        for name in known.names(spot.field):
            yield column_text(spot.field, name).partition(".")[2], ""


def _values(spot: Spot, known: _Known) -> Iterable[tuple[str, str]]:
    if spot.field in KEYED:
        words = known.values(spot.field, spot.key)
    else:
        offer = _VALUES.get(spot.field)
        words = list(offer(known)) if offer else []
    for word in words:
        yield value_text(word), ""


def _orders(_: Spot, known: _Known) -> Iterable[tuple[str, str]]:
    for name in ORDERS:
        yield name, "upwards"
        yield f"-{name}", "downwards"
    for field in KEYED:
        for name in known.names(field):
            yield f"-{column_text(field, name)}", "the greatest first"
            yield column_text(field, name), "the least first"


def _people(known: _Known) -> list[str]:
    names = known.of("submitted_by__username")
    return ["me", *names]


_OFFERS: dict[Part, Callable[[Spot, _Known], Iterable[tuple[str, str]]]] = {
    Part.FIELD: _fields,
    Part.KEY: _keys,
    Part.VALUE: _values,
    Part.ORDER: _orders,
}
_VALUES: dict[str, Callable[[_Known], Iterable[str]]] = {
    "status": lambda _: (*GROUPS, *map(str, Status)),
    "experiment": lambda known: [
        e.name for e in experiment_list(user=known.user, workspace=known.workspace)
    ],
    "target": lambda known: [
        t.name for t in target_list(user=known.user, workspace=known.workspace)
    ],
    "user": _people,
    "environment": lambda known: known.of("environment_version__environment__name"),
    "source": lambda known: known.of("source__name"),
    "script": lambda known: known.of("script"),
    "name": lambda known: known.of("name"),
    "tag": lambda known: known.tags(),
    "is": lambda _: FLAGS,
    "created": lambda _: _AGES,
    "started": lambda _: _AGES,
    "ended": lambda _: _AGES,
    "duration": lambda _: _LENGTHS,
}


def names_known(*, user: User, workspace: Workspace, field: str) -> list[str]:
    """The names of metrics or parameters that the workspace's newest runs have."""
    return _Known(user, workspace).names(field)
