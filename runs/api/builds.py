"""The making of environments, with its log."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest, HttpResponseBase
from ninja import Field, Query, Router, Schema

from environments.history import build_reason
from environments.models import Build
from environments.selectors import build_get, build_list
from runs.stores import log_store
from studio.api_auth import caller
from studio.api_types import REFUSALS, Text
from studio.lib.downloads import ranged_response
from studio.selectors import workspace_for

MAX_ID = 2**63 - 1
router = Router(tags=["environments"])


class BuildsIn(Schema):
    """Which builds: each condition only where it is given."""

    workspace: Text = ""
    status: Literal["", "live", "queued", "running", "ready", "failed", "canceled"] = ""
    target: Text = ""
    environment: Text = ""
    """`name` or `name:3`."""
    before: int | None = Field(None, ge=0, le=MAX_ID)
    """Only builds with lower numbers: the number of the last one of the page before."""
    limit: int = Field(100, ge=1, le=1000)


class BuildOut(Schema):
    """One build of one environment on one target."""

    id: int
    environment: str
    target: str
    status: str
    reason: str
    error: str
    held_up: str
    """What keeps it from going on, and how it goes on; "" as a rule."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


def _out(build: Build) -> BuildOut:
    return BuildOut(
        reason=build_reason(build=build),
        id=build.pk,
        environment=str(build.version),
        target=build.target.name,
        status=build.status,
        error=build.error,
        held_up=build.held_up,
        created_at=build.created_at,
        started_at=build.started_at,
        ended_at=build.ended_at,
    )


@router.get("", response={200: list[BuildOut], **REFUSALS}, summary="List builds")
def builds(request: HttpRequest, asked: Query[BuildsIn]) -> list[BuildOut]:
    """The builds of a workspace, newest first."""
    workspace = workspace_for(user=caller(request), slug=asked.workspace)
    rows = build_list(
        workspace=workspace,
        status=asked.status,
        target=asked.target,
        environment=asked.environment,
    )
    if asked.before is not None:
        rows = rows.filter(pk__lt=asked.before)
    return [_out(build) for build in rows[: asked.limit]]


@router.get("/{build_id}", response={200: BuildOut, **REFUSALS}, summary="Show a build")
def show(request: HttpRequest, build_id: int) -> BuildOut:
    """One build."""
    build = build_get(user=caller(request), build_id=build_id)
    return _out(build)


@router.get("/{build_id}/log", response=REFUSALS, summary="Read a build's log")
def log(request: HttpRequest, build_id: int) -> HttpResponseBase:
    """What the build printed so far; a Range header works."""
    key = build_get(user=caller(request), build_id=build_id).log_key
    store = log_store()
    response = ranged_response(
        request, lambda offset, n: store.read(key, offset, n), store.size(key)
    )
    response["Runyard-Log-Size"] = str(store.size(key))
    response["Runyard-Log-Sealed"] = str(int(store.sealed(key) is not None))
    return response
