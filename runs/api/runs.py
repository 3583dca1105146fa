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
from runs.query import QueryError, parse
from runs.selectors.runs import run_get, run_list, trash_get
from runs.services.again import run_again
from runs.services.cancel import run_archive, run_cancel
from runs.services.imports import submission_take
from runs.services.labels import run_label
from runs.services.retention import run_delete, run_deletion, run_purge, run_restore
from runs.services.sources import run_source_now
from studio.api_auth import caller
from studio.api_types import REFUSALS, Text
from studio.lib.refusal import NotFound, Refused
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
    response={201: RunOut, 202: ImportOut, 409: None, **REFUSALS},
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

    filter: Text = ""
    page: int = 1
    workspace: Text = ""


@router.get("", response={200: RunPageOut, **REFUSALS}, summary="List runs")
def listed(request: HttpRequest, query: Query[RunQuery]) -> RunPageOut:
    """A page of the runs that `filter` asks for, in the language of the page of runs.

    `status:failed metrics.r2>0.4 -tag:draft created>7d sort:-metrics.r2`: newest first unless
    `sort:` says otherwise, archived runs only with `is:archived`.
    """
    user = caller(request)
    workspace = workspace_for(user=user, slug=query.workspace)
    for name in request.GET.keys() - RunQuery.model_fields.keys():
        raise Refused(
            f"'{name}' is not known here: `filter` says which runs, like filter=status:failed.",
            field=name,
        )
    try:
        wanted = parse(query.filter)
    except QueryError as error:
        raise Refused(f"{error.sentence} (at character {error.at + 1})", field="filter") from error
    found = run_list(user=user, workspace=workspace, query=wanted, page=query.page)
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
    """What would go with the run once it is gone from the trash."""
    return DeletionOut(**asdict(run_deletion(run=run_of(request, ref))))


@router.delete("/{ref}", response={200: DeletionOut, **REFUSALS}, summary="Delete a run")
def delete(request: HttpRequest, ref: Text, forever: bool = False) -> DeletionOut:  # noqa: FBT001, FBT002
    """Put an ended run into the trash, where it can be restored for 7 days: what will go then.

    With `forever` it goes at once, with its log, metrics and artifacts; the number of a run
    that lies in the trash is taken too.
    """
    user = caller(request)
    if forever:
        gone = run_purge(user=user, run=_even_deleted(request, ref))
    else:
        run = run_of(request, ref)
        gone = run_deletion(run=run)
        run_delete(user=user, run=run)
    return DeletionOut(**asdict(gone))


@router.post("/{ref}/restore", response={200: RunOut, **REFUSALS}, summary="Restore a run")
def restore(request: HttpRequest, ref: Text) -> RunOut:
    """Take a run, named by its number, out of the trash."""
    run_restore(user=caller(request), run=_deleted(request, ref))
    return shown(request, run_of(request, ref))


def _even_deleted(request: HttpRequest, ref: str) -> Run:
    try:
        return run_of(request, ref)
    except NotFound:
        return _deleted(request, ref)


def _deleted(request: HttpRequest, ref: str) -> Run:
    if not (ref.isascii() and ref.isdigit() and len(ref) < 12):
        raise NotFound(f"The trash knows runs by their numbers only, not '{ref}'.")
    return trash_get(user=caller(request), run_id=int(ref))
