"""How runs are grouped."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Max, Q
from django.http import HttpRequest
from ninja import Router, Schema

from runs.selectors.runs import experiment_list
from runs.states import LIVE
from studio.api_auth import caller
from studio.api_types import REFUSALS, Text
from studio.selectors import workspace_for

router = Router(tags=["experiments"])


class ExperimentOut(Schema):
    """An experiment and how much is in it."""

    name: str
    created_at: datetime
    runs: int
    live: int
    last_run_at: datetime | None


@router.get("", response={200: list[ExperimentOut], **REFUSALS}, summary="List experiments")
def experiments(request: HttpRequest, workspace: Text = "") -> list[ExperimentOut]:
    """The experiments of a workspace, by name."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    rows = experiment_list(user=user, workspace=where).annotate(
        run_count=Count("runs", filter=Q(runs__deleted_at=None)),
        live_count=Count("runs", filter=Q(runs__status__in=LIVE)),
        last_run_at=Max("runs__created_at", filter=Q(runs__deleted_at=None)),
    )
    return [
        ExperimentOut(
            name=row.name,
            created_at=row.created_at,
            runs=row.run_count,
            live=row.live_count,
            last_run_at=row.last_run_at,
        )
        for row in rows
    ]
