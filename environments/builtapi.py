"""What is built on a target, over REST: looked at, kept, removed."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from compute.models import ComputeTarget
from compute.selectors import target_get
from environments.built import Kept, built_find, built_list, built_rooms
from environments.models import BuildOrder
from environments.selectors import order_list
from environments.services import built_pin, built_remove
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.selectors import workspace_for

router = Router(tags=["targets"])


class KeepIn(In):
    """Whether it stays however little room there is."""

    pinned: bool


class RoomOut(Schema):
    """How much one kind (folder or image) takes; `bound_bytes` is 0 when there is no bound."""

    kind: str
    bytes: int
    cache_bytes: int
    bound_bytes: int
    measured_at: datetime


class BuiltOut(Schema):
    """An environment that lies there; `state` is ready, in use, replaced or damaged."""

    key: str
    kind: str
    environment: str | None
    build: int | None
    state: str
    fault: str
    pinned: bool
    bytes: int | None
    used_at: datetime | None
    used_by: list[str]


class WantedOut(Schema):
    """A build that was ordered and has not begun; `error` says why it never will."""

    id: int
    environment: str
    by: str | None
    created_at: datetime
    error: str


class ShelfOut(Schema):
    """All that is built on a target."""

    room: list[RoomOut]
    environments: list[BuiltOut]
    orders: list[WantedOut]


def _target(request: HttpRequest, name: str, workspace: str) -> ComputeTarget:
    user = caller(request)
    return target_get(user=user, workspace=workspace_for(user=user, slug=workspace), name=name)


def _built_out(kept: Kept) -> BuiltOut:
    return BuiltOut(
        key=kept.built.key,
        kind=kept.built.kind,
        environment=str(kept.build.version) if kept.build else None,
        build=kept.build.pk if kept.build else None,
        state=kept.state,
        fault=kept.built.fault,
        pinned=kept.built.is_pinned,
        bytes=kept.built.size_bytes,
        used_at=kept.built.used_at,
        used_by=kept.built.used_by,
    )


def _order_out(order: BuildOrder) -> WantedOut:
    return WantedOut(
        id=order.pk,
        environment=str(order.version),
        by=order.user.username if order.user else None,
        created_at=order.created_at,
        error=order.error,
    )


def _shelf(target: ComputeTarget) -> ShelfOut:
    wanted = order_list(workspace=target.workspace, target=target.name)
    return ShelfOut(
        room=[
            RoomOut(
                kind=room.kind,
                bytes=room.bytes,
                cache_bytes=room.cache_bytes,
                bound_bytes=room.bound_bytes,
                measured_at=room.measured_at,
            )
            for room in built_rooms(target=target)
        ],
        environments=[_built_out(kept) for kept in built_list(target=target)],
        orders=[_order_out(order) for order in wanted],
    )


@router.get(
    "/{name}/environments",
    response={200: ShelfOut, **REFUSALS},
    summary="List what is built on a target",
)
def listed(request: HttpRequest, name: Text, workspace: Text = "") -> ShelfOut:
    """What lies there, as it was when somebody last looked; and what is asked for."""
    return _shelf(_target(request, name, workspace))


@router.patch(
    "/{name}/environments/{built}",
    response={200: ShelfOut, **REFUSALS},
    summary="Pin what is built",
)
def pin(
    request: HttpRequest, name: Text, built: Text, payload: KeepIn, workspace: Text = ""
) -> ShelfOut:
    """Keep an environment (`name:3`, or the start of its key) for good, or no longer."""
    target = _target(request, name, workspace)
    found = built_find(target=target, reference=built)
    built_pin(user=caller(request), built=found, is_pinned=payload.pinned)
    return _shelf(target)


@router.delete(
    "/{name}/environments/{built}",
    response={204: None, **REFUSALS},
    summary="Remove what is built",
)
def remove(request: HttpRequest, name: Text, built: Text, workspace: Text = "") -> Status[None]:
    """Remove an environment from its target; the next run that needs it builds it again."""
    target = _target(request, name, workspace)
    built_remove(user=caller(request), built=built_find(target=target, reference=built))
    return Status(204, None)
