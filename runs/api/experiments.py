"""How runs are grouped."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest
from ninja import Router, Schema, Status

from runs.models import Experiment
from runs.selectors.experiments import experiment_get
from runs.selectors.runs import experiment_list
from runs.services.experiments import experiment_archive, experiment_create, experiment_update
from runs.states import LIVE
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.selectors import workspace_for

router = Router(tags=["experiments"])


class ExperimentIn(In):
    """An experiment to make; its runs are compared by the last value of its primary metric."""

    name: Text
    description: Text = ""
    primary_metric: Text = ""
    direction: Text = "maximize"


class ExperimentPatch(In):
    """What to change of an experiment; what is left out stays."""

    name: Text | None = None
    description: Text | None = None
    primary_metric: Text | None = None
    direction: Text | None = None
    archived: bool | None = None


class ExperimentOut(Schema):
    """An experiment and how much is in it."""

    name: str
    description: str
    primary_metric: str
    direction: str
    archived: bool
    created_at: datetime
    runs: int
    live: int
    last_run_at: datetime | None


@router.get("", response={200: list[ExperimentOut], **REFUSALS}, summary="List experiments")
def experiments(request: HttpRequest, workspace: Text = "") -> list[ExperimentOut]:
    """The experiments of a workspace, by name."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [_out(row) for row in _counted(experiment_list(user=user, workspace=where))]


@router.post("", response={201: ExperimentOut, **REFUSALS}, summary="Make an experiment")
def create(
    request: HttpRequest, payload: ExperimentIn, workspace: Text = ""
) -> Status[ExperimentOut]:
    """Name one before its first run, and say what it is for."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    made = experiment_create(user=user, workspace=where, **payload.dict())
    return Status(201, _shown(made))


@router.patch("/{name}", response={200: ExperimentOut, **REFUSALS}, summary="Change an experiment")
def change(
    request: HttpRequest, name: Text, payload: ExperimentPatch, workspace: Text = ""
) -> ExperimentOut:
    """Change what is given; `archived` leaves it out of lists, its runs stay."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    found = experiment_get(user=user, workspace=where, name=name)
    changes = payload.dict(exclude_unset=True)
    archived = changes.pop("archived", None)
    if changes:
        found = experiment_update(user=user, experiment=found, **changes)
    if archived is not None:
        experiment_archive(user=user, experiment=found, archived=archived)
    return _shown(found)


def _counted(rows: QuerySet[Experiment]) -> QuerySet[Any]:
    return rows.annotate(
        run_count=Count("runs", filter=Q(runs__deleted_at=None)),
        live_count=Count("runs", filter=Q(runs__status__in=LIVE)),
        last_run_at=Max("runs__created_at", filter=Q(runs__deleted_at=None)),
    )


def _shown(experiment: Experiment) -> ExperimentOut:
    return _out(_counted(Experiment.objects.filter(pk=experiment.pk)).get())


def _out(row: Any) -> ExperimentOut:
    return ExperimentOut(
        name=row.name,
        description=row.description,
        primary_metric=row.primary_metric,
        direction=row.direction,
        archived=row.archived_at is not None,
        created_at=row.created_at,
        runs=row.run_count,
        live=row.live_count,
        last_run_at=row.last_run_at,
    )
