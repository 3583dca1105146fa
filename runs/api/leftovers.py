"""What was left on targets, over REST."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from compute.models import ComputeTarget
from compute.selectors import target_get
from runs.services.leftovers import Leftover, leftovers_clean, leftovers_find
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.selectors import workspace_for

router = Router(tags=["targets"])


class LeftoverOut(Schema):
    """One thing on a target that belongs to nothing any more."""

    kind: str
    name: str
    bytes: int | None
    made_at: datetime
    why: str
    is_alive: bool


class KeptOut(Schema):
    """One that could not be removed, and why."""

    kind: str
    name: str
    why: str


class CleanIn(In):
    """Which leftovers to remove, each as `kind:name`; all of them when left out."""

    names: list[Text] | None = None


class CleanedOut(Schema):
    """What went, and what stays."""

    removed: list[LeftoverOut]
    kept: list[KeptOut]


def _out(one: Leftover) -> LeftoverOut:
    return LeftoverOut(
        kind=one.kind,
        name=one.name,
        bytes=one.bytes,
        made_at=one.made_at,
        why=one.why,
        is_alive=one.is_alive,
    )


def _target(request: HttpRequest, name: str, workspace: str) -> ComputeTarget:
    user = caller(request)
    return target_get(user=user, workspace=workspace_for(user=user, slug=workspace), name=name)


@router.get(
    "/{name}/leftovers",
    response={200: list[LeftoverOut], **REFUSALS},
    summary="List what was left on a target",
)
def listed(request: HttpRequest, name: Text, workspace: Text = "") -> list[LeftoverOut]:
    """Containers, images, volumes and folders of ours that belong to nothing any more."""
    target = _target(request, name, workspace)
    return [_out(one) for one in leftovers_find(user=caller(request), target=target)]


@router.post(
    "/{name}/leftovers/clean",
    response={200: CleanedOut, **REFUSALS},
    summary="Remove what was left on a target",
)
def clean(request: HttpRequest, name: Text, payload: CleanIn, workspace: Text = "") -> CleanedOut:
    """Remove leftovers; what lives, or belongs to something by now, stays."""
    target = _target(request, name, workspace)
    cleaned = leftovers_clean(user=caller(request), target=target, marks=payload.names)
    return CleanedOut(
        removed=[_out(one) for one in cleaned.removed],
        kept=[KeptOut(kind=one.kind, name=one.name, why=why) for one, why in cleaned.kept],
    )
