"""What a run made."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponseBase
from ninja import Router, Schema

from runs.api.runs import run_of
from runs.models import Artifact
from runs.selectors.runs import run_artifacts
from runs.services.retention import run_keep_file
from runs.stores import blob_store
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.lib.anypath import api_path
from studio.lib.downloads import file_response
from studio.lib.refusal import NotFound

router = Router(tags=["artifacts"])


class ArtifactOut(Schema):
    """A file that a run made."""

    path: str
    size: int
    sha: str
    created_at: datetime


class ExtraOut(Schema):
    """A file that a run left outside its output patterns."""

    path: str
    size: int


class KeepIn(In):
    """Which of them to keep."""

    path: Text


def _out(artifact: Artifact) -> ArtifactOut:
    return ArtifactOut(
        path=artifact.path,
        size=artifact.size_bytes,
        sha=artifact.sha,
        created_at=artifact.created_at,
    )


@router.get(
    "/{ref}/artifacts", response={200: list[ArtifactOut], **REFUSALS}, summary="List artifacts"
)
def artifacts(request: HttpRequest, ref: Text) -> list[ArtifactOut]:
    """The files that are kept of a run; while it runs, those that stood still."""
    return [_out(artifact) for artifact in run_artifacts(run=run_of(request, ref))]


@router.get(
    "/{ref}/artifacts/" + api_path("path"), response=REFUSALS, summary="Download an artifact"
)
def artifact(request: HttpRequest, ref: Text, path: Text) -> HttpResponseBase:
    """One file that the run made."""
    run = run_of(request, ref)
    found = run_artifacts(run=run).filter(path=path).first()
    if found is None:
        raise NotFound(f"Run {run.pk} has no artifact '{path}'.", field="path")
    stored = blob_store().path(found.sha)
    return file_response(request, stored, name=path.rpartition("/")[2], sha=found.sha)


@router.get(
    "/{ref}/extra-files",
    response={200: list[ExtraOut], **REFUSALS},
    summary="List files outside the patterns",
)
def extra_files(request: HttpRequest, ref: Text) -> list[ExtraOut]:
    """New files outside the output patterns; they stay on the target for 7 days."""
    return [ExtraOut(**file) for file in run_of(request, ref).extra_files]


@router.post(
    "/{ref}/extra-files", response={200: ArtifactOut, **REFUSALS}, summary="Keep one of them"
)
def keep(request: HttpRequest, ref: Text, payload: KeepIn) -> ArtifactOut:
    """Make an artifact of a file outside the patterns."""
    run = run_of(request, ref)
    return _out(run_keep_file(user=caller(request), run=run, path=payload.path))
