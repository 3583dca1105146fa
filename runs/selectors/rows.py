"""Runs by their numbers, with what a table's row shows of them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from runs.models import Run
from runs.selectors.runs import runs_of
from studio.models import User


def runs_by_ids(*, user: User, ids: Iterable[int]) -> QuerySet[Run]:
    """Those of them that the user may see."""
    rows = runs_of(user=user).filter(pk__in=list(ids))
    return rows.select_related("experiment", "target", "submitted_by").prefetch_related("series")
