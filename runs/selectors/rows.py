"""Runs by their numbers, with what a table's row shows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.db.models import Q, QuerySet

from runs.models import MetricSeries, Run
from runs.query import Query
from runs.selectors.runs import in_table, runs_matching, runs_of
from studio.models import User, Workspace


class LastValue(NamedTuple):
    """Where a metric stands: a number, or a text when it is none."""

    name: str
    last: float | None
    text: str


def runs_by_ids(*, user: User, ids: Iterable[int]) -> QuerySet[Run]:
    """Those of them that the user may see."""
    return in_table(runs_of(user=user).filter(pk__in=list(ids)))


def runs_newly_matching(
    *, user: User, workspace: Workspace, query: Query, after: int, others: Iterable[int]
) -> list[int]:
    """The runs that match and came after run `after`, or are among `others`: their numbers."""
    rows = runs_matching(user=user, workspace=workspace, query=query)
    wanted = Q(pk__gt=after) | Q(pk__in=list(others))
    return list(rows.filter(wanted).order_by("pk").values_list("pk", flat=True))


def metrics_by_run(
    *, runs: Iterable[Run], names: Iterable[str] | None = None
) -> Mapping[int, list[LastValue]]:
    """The metrics of each run by name: all of them, or those of the given names."""
    rows = MetricSeries.objects.filter(run__in=[run.pk for run in runs])
    if names is not None:
        rows = rows.filter(name__in=list(names))
    found: dict[int, list[LastValue]] = defaultdict(list)
    told = rows.order_by("name").values_list("run_id", "name", "last", "text")
    for run_id, name, last, text in told:
        found[run_id].append(LastValue(name, last, text))
    return found
