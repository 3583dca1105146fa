"""Bringing files to the studio, and reading snapshots back."""

from __future__ import annotations

from typing import BinaryIO, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Router, Schema

from runs.models import Snapshot
from runs.plans import upload_plan
from runs.selectors.files import snapshot_changes, snapshot_file, snapshot_get, snapshot_manifest
from runs.services.snapshots import blobs_receive, snapshot_create
from runs.snapshots import ManifestRefused
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.lib.anypath import api_path
from studio.lib.downloads import file_response
from studio.lib.refusal import Refused
from studio.models import Role
from studio.selectors import workspace_for

router = Router(tags=["snapshots"])

_ENTRY_BYTES = 4096
"""More than any entry of a manifest takes."""


class SnapshotOut(Schema):
    """A snapshot's name, and the contents that have to be sent before it exists."""

    digest: str
    missing: list[str]


class PlanIn(In):
    """A listed tree: `[path, size]` of its files, and the text of the ignore files among them."""

    files: list[tuple[Text, int]]
    rules: dict[Text, str] = {}


class LeftOutOut(Schema):
    """A file, or a folder with a slash, that the ignore rules leave out."""

    path: str
    files: int
    size_bytes: int


class PlanOut(Schema):
    """Which of the files would be kept, by their places in the list, and what stays behind."""

    kept: list[int]
    left_out: list[LeftOutOut]
    largest: list[tuple[str, int]]
    size_bytes: int


class ChangesOut(Schema):
    """The paths that differ from one snapshot to another."""

    old: str
    new: str
    added: list[str]
    removed: list[str]
    modified: list[str]


class StoredOut(Schema):
    """How many contents were stored."""

    stored: int


def _json_body(schema: str) -> dict[str, object]:
    return {"requestBody": {"required": True, "content": {schema: {"schema": {}}}}}


@router.post(
    "/snapshots",
    response={200: SnapshotOut, 409: None, **REFUSALS},
    summary="Create a snapshot",
    openapi_extra=_json_body("application/json"),
)
def create(request: HttpRequest, workspace: Text = "") -> SnapshotOut:
    """Make a snapshot of a manifest: a JSON list of `{path, mode, size, sha}` and `{path, link}`.

    It exists once `missing` is empty: send those contents to `/blobs` and repeat. What differs
    from a known snapshot is enough: `{"base": digest, "changed": [entries], "removed": [paths]}`;
    the code `base_missing` asks for the whole list.
    """
    where = workspace_for(user=caller(request), slug=workspace, role=Role.CONTRIBUTOR)
    limit = settings.SNAPSHOT_MAX_FILES * _ENTRY_BYTES
    text = request.read(limit + 1)
    if len(text) > limit:
        raise Refused(
            f"The manifest is longer than one of {settings.SNAPSHOT_MAX_FILES:,} files can be.",
            field="source",
            code="too_big",
        )
    digest, missing = snapshot_create(workspace=where, manifest_json=text)
    return SnapshotOut(digest=digest, missing=missing)


@router.post(
    "/snapshots/plan", response={200: PlanOut, **REFUSALS}, summary="Say what would be kept"
)
def plan(request: HttpRequest, payload: PlanIn, workspace: Text = "") -> PlanOut:
    """Sort a listed tree by its ignore rules before any of it is sent; nothing is kept of this."""
    workspace_for(user=caller(request), slug=workspace, role=Role.CONTRIBUTOR)
    limits = {"max_bytes": settings.SNAPSHOT_MAX_BYTES, "max_files": settings.SNAPSHOT_MAX_FILES}
    try:
        found = upload_plan(payload.files, payload.rules, **limits)
    except ManifestRefused as error:
        raise Refused(str(error), field="source") from error
    return PlanOut.from_orm(found)


@router.post(
    "/blobs",
    response={200: StoredOut, **REFUSALS},
    summary="Send contents",
    openapi_extra=_json_body("application/octet-stream"),
)
def blobs(request: HttpRequest, workspace: Text = "") -> StoredOut:
    """Store a pack of contents.

    For each its SHA-256 in hex (64 bytes), its size (8 bytes, big endian) and its bytes. One
    whose hash differs is refused.
    """
    where = workspace_for(user=caller(request), slug=workspace, role=Role.CONTRIBUTOR)
    return StoredOut(stored=blobs_receive(workspace=where, stream=cast("BinaryIO", request)))


@router.get(
    "/snapshots/{digest}", response={200: list[dict[str, object]], **REFUSALS}, summary="List files"
)
def manifest(request: HttpRequest, digest: Text, workspace: Text = "") -> HttpResponse:
    """The manifest of a snapshot."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    snapshot = snapshot_get(user=user, workspace=where, digest=digest)
    text = snapshot_manifest(snapshot=snapshot).to_json()
    return HttpResponse(text, content_type="application/json")


@router.get(
    "/snapshots/{digest}/changes",
    response={200: ChangesOut, **REFUSALS},
    summary="Compare snapshots",
    url_name="snapshot_changes",
)
def changes(request: HttpRequest, digest: Text, to: Text, workspace: Text = "") -> ChangesOut:
    """What became of the files from one snapshot to another."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    old = snapshot_get(user=user, workspace=where, digest=digest)
    return changes_out(old, snapshot_get(user=user, workspace=where, digest=to))


def changes_out(old: Snapshot, new: Snapshot) -> ChangesOut:
    """The paths that differ."""
    found = snapshot_changes(old=old, new=new)
    return ChangesOut(
        old=old.digest,
        new=new.digest,
        added=[entry.path for entry in found.added],
        removed=[entry.path for entry in found.removed],
        modified=[after.path for _, after in found.modified],
    )


@router.get(
    "/snapshots/{digest}/files/" + api_path("path"), response=REFUSALS, summary="Download a file"
)
def file(request: HttpRequest, digest: Text, path: Text, workspace: Text = "") -> HttpResponseBase:
    """One file of a snapshot."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    snapshot = snapshot_get(user=user, workspace=where, digest=digest)
    entry, stored = snapshot_file(snapshot=snapshot, path=path)
    return file_response(request, stored, name=path.rpartition("/")[2], sha=entry.sha)
