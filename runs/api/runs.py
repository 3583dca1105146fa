"""Submitting runs, listing them, asking things of them."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from runs.api.schemas import (
    RunIn,
    RunOut,
    RunPageOut,
    RunPatch,
    newest_attempt,
    run_out,
    run_page_url,
)
from runs.models import Run
from runs.selectors.runs import RunFilters, run_get, run_list
from runs.services.cancel import run_archive, run_cancel
from runs.services.labels import run_label
from runs.services.retention import run_delete, run_deletion
from runs.services.submit import run_submit
from runs.submission import DEFAULT_OUTPUTS, FolderSource, SnapshotSource, Submission
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


@router.post("", response={201: RunOut, 409: ErrorOut, **REFUSALS}, summary="Submit a run")
def submit(request: HttpRequest, payload: RunIn) -> Status[RunOut]:
    """Queue a run of exactly these files.

    Answers 409 with the code `snapshot_missing` when the studio does not have the
    snapshot: send its manifest and blobs, then submit again.
    """
    user = caller(request)
    given = payload.source
    asked = payload.dict(exclude={"source", "workspace"})
    asked["outputs"] = asked["outputs"] or DEFAULT_OUTPUTS
    submission = Submission(
        source=SnapshotSource(given.snapshot) if given.snapshot else FolderSource(given.folder),
        **asked,
    )
    workspace = workspace_for(user=user, slug=payload.workspace)
    run = run_submit(user=user, workspace=workspace, request=submission)
    return Status(201, shown(request, run))


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
