"""Reading a whole list of runs a piece at a time."""

from __future__ import annotations

from collections.abc import Sequence

from runs.models import MetricSeries, Run
from runs.query import Query
from runs.selectors.runs import in_table, runs_matching
from studio.models import User, Workspace

_AT_ONCE = 500


def matching_ids(*, user: User, workspace: Workspace, query: Query) -> list[int]:
    """The numbers of all runs that match, in the order of the query."""
    rows = runs_matching(user=user, workspace=workspace, query=query)
    return list(rows.values_list("pk", flat=True))


def metric_names(*, ids: Sequence[int]) -> list[str]:
    """The metrics that these runs have."""
    found: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        rows = MetricSeries.objects.filter(run__in=ids[start : start + _AT_ONCE])
        found.update(rows.order_by().values_list("name", flat=True).distinct())
    return sorted(found)


def table_part(*, ids: Sequence[int]) -> list[Run]:
    """Runs that the caller was allowed to see a moment ago, in the given order."""
    rows = in_table(Run.objects.filter(pk__in=ids, deleted_at=None)).in_bulk()
    return [rows[number] for number in ids if number in rows]
