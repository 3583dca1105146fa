"""A look at a run before it is submitted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema

from runs.api.schemas import RunIn
from runs.selectors.files import snapshot_get
from runs.services.checks import submission_refusals
from runs.services.preflight import submission_preflight
from runs.services.trees import submission_files
from runs.submission import SnapshotSource
from studio.api_auth import caller
from studio.api_types import REFUSALS
from studio.lib.refusal import NotFound, Refused
from studio.models import Role
from studio.selectors import workspace_for

router = Router(tags=["runs"])


class FindingOut(Schema):
    """One thing that was looked at; `refused` is what submitting would be refused for."""

    about: str
    state: Literal["good", "warning", "unknown", "refused"]
    sentence: str
    detail: str = ""
    environment: str = ""


class PreflightOut(Schema):
    """What was found; nothing was queued."""

    findings: list[FindingOut]


@router.post(
    "",
    response={200: PreflightOut, 409: None, **REFUSALS},
    summary="Look at a run before submitting it",
)
def preflight(request: HttpRequest, payload: RunIn) -> PreflightOut:
    """Syntax, imports against the environment, data, target and size: two seconds at most.

    It takes what submitting takes, queues nothing, and answers 409 with the code
    `snapshot_missing` as submitting does.
    """
    user = caller(request)
    workspace = workspace_for(user=user, slug=payload.workspace, role=Role.CONTRIBUTOR)
    asked = payload.submission()
    if isinstance(asked.source, SnapshotSource):
        try:
            snapshot_get(user=user, workspace=workspace, digest=asked.source.digest)
        except NotFound as error:
            raise Refused(error.sentence, field="source", code="snapshot_missing") from error
    seen = submission_files(user=user, workspace=workspace, source=asked.source)
    paths = seen.tree.sizes if seen.tree else None
    refused = [
        FindingOut(about=error.field or "run", state="refused", sentence=error.sentence)
        for error in submission_refusals(user=user, workspace=workspace, request=asked, paths=paths)
    ]
    told = {finding.about for finding in refused}
    found = submission_preflight(user=user, workspace=workspace, request=asked, seen=seen)
    return PreflightOut(
        findings=[
            *refused,
            *(FindingOut(**asdict(finding)) for finding in found if finding.about not in told),
        ]
    )
