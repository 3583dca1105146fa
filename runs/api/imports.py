"""Submissions whose files are still being fetched."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse
from ninja import Router, Schema

from runs.models import SourceImport
from runs.selectors.imports import import_get, import_waiting
from runs.services.imports import import_cancel
from studio.api_auth import caller
from studio.api_types import REFUSALS

router = Router(tags=["runs"])


class ImportOut(Schema):
    """An import: `status` is queued, running, done, failed or canceled."""

    id: int
    status: str
    waiting: str
    error: str
    run: int | None
    repository: str
    ref: str
    folder: str
    submitted_by: str
    created_at: datetime
    ended_at: datetime | None
    url: str


def import_out(request: HttpRequest, found: SourceImport) -> ImportOut:
    """An import as it stands."""
    return ImportOut(
        id=found.pk,
        status=found.status,
        waiting=import_waiting(found=found),
        error=found.error,
        run=found.run_id,
        repository=found.url,
        ref=found.ref,
        folder=found.folder,
        submitted_by=found.user.username,
        created_at=found.created_at,
        ended_at=found.ended_at,
        url=request.build_absolute_uri(reverse("runs:import", args=[found.pk])),
    )


@router.get("/{import_id}", response={200: ImportOut, **REFUSALS}, summary="Show an import")
def show(request: HttpRequest, import_id: int) -> ImportOut:
    """How the fetching goes; once it is done, `run` is the number of the run."""
    return import_out(request, import_get(user=caller(request), import_id=import_id))


@router.post(
    "/{import_id}/cancel", response={200: ImportOut, **REFUSALS}, summary="Cancel an import"
)
def cancel(request: HttpRequest, import_id: int) -> ImportOut:
    """Give it up before it becomes a run; doing so too late changes nothing."""
    user = caller(request)
    import_cancel(user=user, found=import_get(user=user, import_id=import_id))
    return import_out(request, import_get(user=user, import_id=import_id))
