"""Sources: script directories that the workspace knows by name."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpRequest
from ninja import Router, Schema, Status

from runs.api.schemas import GitIn
from runs.selectors.sources import source_get, source_list, source_states
from runs.services.sources import source_bring, source_create, source_delete, source_rename
from runs.submission import Files, FolderSource, GitSource, SnapshotSource
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.selectors import workspace_for

if TYPE_CHECKING:
    from runs.selectors.sources import Told

router = Router(tags=["sources"])


class SourceOut(Schema):
    """A source, how often it changed and ran."""

    name: str
    kind: str
    location: str
    created_at: datetime
    seen_at: datetime | None
    snapshots: int
    runs: int
    snapshot: str | None


class StateOut(Schema):
    """A snapshot of a source: since when it is known, when it was seen last, how often it ran."""

    snapshot: str
    files: int
    size_bytes: int
    created_at: datetime
    seen_at: datetime
    runs: int


class SourceMakeIn(In):
    """A source to save: a folder of the studio's machine, a repository, a snapshot, or none yet."""

    name: Text
    folder: Text = ""
    snapshot: Text = ""
    git: GitIn | None = None
    workspace: Text = ""


class SourceNameIn(In):
    """What to call it."""

    name: Text


class SourceFilesIn(In):
    """Its new files, as a snapshot that the studio has."""

    snapshot: Text


def _out(row: Told) -> SourceOut:
    return SourceOut(
        name=row.name,
        kind=row.kind,
        location=row.location,
        created_at=row.created_at,
        seen_at=row.seen_at,
        snapshots=row.state_count,
        runs=row.run_count,
        snapshot=row.digest,
    )


def _source_of(request: HttpRequest, name: str, workspace: str) -> Told:
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return source_get(user=user, workspace=where, name=name)


@router.get("", response={200: list[SourceOut], **REFUSALS}, summary="List sources")
def listed(request: HttpRequest, workspace: Text = "") -> list[SourceOut]:
    """The sources of a workspace, by name."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [_out(row) for row in source_list(user=user, workspace=where)]


@router.post("", response={201: SourceOut, 409: None, **REFUSALS}, summary="Save a source")
def create(request: HttpRequest, payload: SourceMakeIn) -> Status[SourceOut]:
    """Give a script directory a name. A folder and a repository are read anew at each submit."""
    user = caller(request)
    files: Files | None = None
    if payload.git:
        files = GitSource(**payload.git.dict())
    elif payload.folder:
        files = FolderSource(payload.folder)
    elif payload.snapshot:
        files = SnapshotSource(payload.snapshot)
    where = workspace_for(user=user, slug=payload.workspace)
    made = source_create(user=user, workspace=where, name=payload.name, files=files)
    return Status(201, _out(source_get(user=user, workspace=where, name=made.name)))


@router.get("/{name}", response={200: SourceOut, **REFUSALS}, summary="Show a source")
def show(request: HttpRequest, name: Text, workspace: Text = "") -> SourceOut:
    """One source."""
    return _out(_source_of(request, name, workspace))


@router.patch("/{name}", response={200: SourceOut, **REFUSALS}, summary="Rename a source")
def rename(
    request: HttpRequest, name: Text, payload: SourceNameIn, workspace: Text = ""
) -> SourceOut:
    """Call it otherwise; its snapshots and runs follow."""
    source = _source_of(request, name, workspace)
    renamed = source_rename(user=caller(request), source=source, name=payload.name)
    return show(request, renamed.name, workspace)


@router.delete("/{name}", response={204: None, **REFUSALS}, summary="Delete a source")
def delete(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Forget the name; runs and the snapshots that they ran stay."""
    source_delete(user=caller(request), source=_source_of(request, name, workspace))
    return Status(204, None)


@router.get(
    "/{name}/snapshots", response={200: list[StateOut], **REFUSALS}, summary="List its snapshots"
)
def states(request: HttpRequest, name: Text, workspace: Text = "") -> list[StateOut]:
    """The states that it was in, newest first."""
    return [
        StateOut(
            snapshot=state.snapshot.digest,
            files=state.snapshot.file_count,
            size_bytes=state.snapshot.size_bytes,
            created_at=state.created_at,
            seen_at=state.seen_at,
            runs=state.run_count,
        )
        for state in source_states(source=_source_of(request, name, workspace))
    ]


@router.post(
    "/{name}/snapshots",
    response={200: SourceOut, 409: None, **REFUSALS},
    summary="Bring new files",
)
def bring(
    request: HttpRequest, name: Text, payload: SourceFilesIn, workspace: Text = ""
) -> SourceOut:
    """Make a snapshot the newest one of an uploaded source."""
    source = _source_of(request, name, workspace)
    source_bring(user=caller(request), source=source, files=SnapshotSource(payload.snapshot))
    return show(request, name, workspace)
