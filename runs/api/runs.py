"""Submitting runs, listing them, asking things of them."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from runs.api.imports import ImportOut, import_out
from runs.api.schemas import (
    RunIn,
    RunOut,
    RunPageOut,
    RunPatch,
    newest_attempt,
    run_out,
    run_page_url,
)
from runs.api.snapshots import ChangesOut, changes_out
from runs.models import Run, SourceImport
from runs.selectors.runs import RunFilters, run_get, run_list
from runs.services.again import run_again
from runs.services.cancel import run_archive, run_cancel
from runs.services.imports import submission_take
from runs.services.labels import run_label
from runs.services.retention import run_delete, run_deletion
from runs.services.sources import run_source_now
from studio.api_auth import caller
from studio.api_types import REFUSALS, ErrorOut, Text
from studio.selectors import workspace_for

router = Router(tags=["runs"])


def shown(request: HttpRequest, run: Run) -> RunOut:
    """A run as it stands in the database now."""
    return run_out(run, newest_attempt(run), run_page_url(request, run.pk))


def run_of(request: HttpRequest, ref: str) -> Run:
    """The run that `ref` means to the caller."""
    return run_get(user=caller(request), ref=ref)


@router.post(
    "",
    response={201: RunOut, 202: ImportOut, 409: ErrorOut, **REFUSALS},
    summary="Submit a run",
)
def submit(request: HttpRequest, payload: RunIn) -> Status[RunOut] | Status[ImportOut]:
    """Queue a run of exactly these files.

    A git source answers 202 with an import: follow it at `/imports/{id}`, and once it is
    `done` its `run` is the number of the run.

    Answers 409 with the code `snapshot_missing` when the studio does not have the
    snapshot: send its manifest and blobs, then submit again.
    """
    user = caller(request)
    workspace = workspace_for(user=user, slug=payload.workspace)
    taken = submission_take(user=user, workspace=workspace, request=payload.submission())
    if isinstance(taken, SourceImport):
        return Status(202, import_out(request, taken))
    return Status(201, shown(request, taken))


class RunQuery(Schema):
    """Which runs, in which order."""

    status: Text = ""
    experiment: Text = ""
    target: Text = ""
    tag: Text = ""
    q: Text = ""
    sort: Text = "-created"
    page: int = 1
    archived: bool = False
    workspace: Text = ""


@router.get("", response={200: RunPageOut, **REFUSALS}, summary="List runs")
def listed(request: HttpRequest, query: Query[RunQuery]) -> RunPageOut:
    """A page of the runs that match, newest first unless `sort` says otherwise."""
    user = caller(request)
    filters = RunFilters(
        status=query.status,
        experiment=query.experiment,
        target=query.target,
        tag=query.tag,
        text=query.q,
        sort=query.sort,
        page=query.page,
        archived=query.archived,
    )
    workspace = workspace_for(user=user, slug=query.workspace)
    found = run_list(user=user, workspace=workspace, filters=filters)
    return RunPageOut(
        items=[shown(request, run) for run in found.items],
        total=found.total,
        page=found.page,
        pages=found.pages,
    )


@router.get("/{ref}", response={200: RunOut, **REFUSALS}, summary="Show a run")
def show(request: HttpRequest, ref: Text) -> RunOut:
    """One run, by its number, the beginning of its id, its name, or `last`."""
    return shown(request, run_of(request, ref))


@router.patch("/{ref}", response={200: RunOut, **REFUSALS}, summary="Label a run")
def label(request: HttpRequest, ref: Text, payload: RunPatch) -> RunOut:
    """Change its name, description or some of its tags."""
    run = run_of(request, ref)
    run_label(user=caller(request), run=run, **payload.dict(exclude_unset=True))
    return shown(request, run_of(request, str(run.pk)))


@router.post("/{ref}/cancel", response={200: RunOut, **REFUSALS}, summary="Cancel a run")
def cancel(request: HttpRequest, ref: Text) -> RunOut:
    """Ask for its end; doing so twice, or too late, changes nothing."""
    run = run_of(request, ref)
    run_cancel(user=caller(request), run=run)
    return shown(request, run_of(request, str(run.pk)))


@router.post("/{ref}/again", response={201: RunOut, **REFUSALS}, summary="Run again")
def again(request: HttpRequest, ref: Text) -> Status[RunOut]:
    """Queue a run of the same snapshot, environment version and words."""
    made = run_again(user=caller(request), run=run_of(request, ref))
    return Status(201, shown(request, made))


@router.get("/{ref}/changes", response={200: ChangesOut, **REFUSALS}, summary="Compare with now")
def changes(request: HttpRequest, ref: Text) -> ChangesOut:
    """What changed in the source or server folder of the run since: the files as they are now."""
    run = run_of(request, ref)
    return changes_out(run.snapshot, run_source_now(user=caller(request), run=run))


@router.post("/{ref}/archive", response={200: RunOut, **REFUSALS}, summary="Archive a run")
def archive(request: HttpRequest, ref: Text) -> RunOut:
    """Hide it from lists; nothing is lost."""
    return _archived(request, ref, archived=True)


@router.post("/{ref}/unarchive", response={200: RunOut, **REFUSALS}, summary="Unarchive a run")
def unarchive(request: HttpRequest, ref: Text) -> RunOut:
    """Show it in lists again."""
    return _archived(request, ref, archived=False)


def _archived(request: HttpRequest, ref: str, *, archived: bool) -> RunOut:
    run = run_of(request, ref)
    run_archive(user=caller(request), run=run, archived=archived)
    return shown(request, run_of(request, str(run.pk)))


class DeletionOut(Schema):
    """What goes with a run."""

    runs: int
    log_bytes: int
    artifacts: int
    artifact_bytes: int


@router.get(
    "/{ref}/deletion", response={200: DeletionOut, **REFUSALS}, summary="Preview a deletion"
)
def deletion(request: HttpRequest, ref: Text) -> DeletionOut:
    """What deleting the run would remove."""
    return DeletionOut(**asdict(run_deletion(run=run_of(request, ref))))


@router.delete("/{ref}", response={200: DeletionOut, **REFUSALS}, summary="Delete a run")
def delete(request: HttpRequest, ref: Text) -> DeletionOut:
    """Delete an ended run with its log, metrics and artifacts: what was removed."""
    gone = run_delete(user=caller(request), run=run_of(request, ref))
    return DeletionOut(**asdict(gone))
