"""The making of environments, with its log."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponseBase
from ninja import Router, Schema

from environments.history import build_reason
from environments.selectors import build_get
from runs.stores import log_store
from studio.api_auth import caller
from studio.api_types import REFUSALS
from studio.lib.downloads import ranged_response

router = Router(tags=["environments"])


class BuildOut(Schema):
    """One build of one environment on one target."""

    id: int
    environment: str
    target: str
    status: str
    reason: str
    error: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@router.get("/{build_id}", response={200: BuildOut, **REFUSALS}, summary="Show a build")
def show(request: HttpRequest, build_id: int) -> BuildOut:
    """One build."""
    build = build_get(user=caller(request), build_id=build_id)
    return BuildOut(
        reason=build_reason(build=build),
        id=build.pk,
        environment=str(build.version),
        target=build.target.name,
        status=build.status,
        error=build.error,
        created_at=build.created_at,
        started_at=build.started_at,
        ended_at=build.ended_at,
    )


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
