"""Compute targets over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from compute.healthline import target_healthline
from compute.models import DEFAULT_ROOM_GIB, ComputeTarget, NamedData
from compute.named_data import data_delete, data_save
from compute.pauses import target_pause, target_resume
from compute.selectors import data_get, data_list, target_get, target_list, target_occupancy
from compute.services import target_create, target_delete, target_test, target_update
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.models import Role
from studio.selectors import require_role, workspace_for

router = Router(tags=["targets"])
data_router = Router(tags=["data"])


class TargetIn(In):
    """A target to register."""

    name: Text
    kind: Text = "local"
    config: dict[Text, Text] = Field({}, description="settings of its kind: see /target-kinds")
    slots: int = 1
    build_slots: int = 1
    gpus: Text = ""
    environments_gib: int = DEFAULT_ROOM_GIB
    open_to_members: bool = False


class TargetPatch(In):
    """What to change of a target; what is left out stays."""

    name: Text | None = None
    config: dict[Text, Text] | None = None
    slots: int | None = None
    build_slots: int | None = None
    gpus: Text | None = None
    environments_gib: int | None = None
    enabled: bool | None = None
    open_to_members: bool | None = None


class PauseIn(In):
    """How to hold the queue back; `drain` says that somebody waits for the target to be empty."""

    drain: bool = False


class TargetOut(Schema):
    """A target: what it is, how it is, how busy it is."""

    name: str
    kind: str
    config: dict[str, Any]
    slots: int
    build_slots: int
    busy: int
    queued: int
    building: int
    gpus: list[str]
    gpus_declared: str
    gpus_lent: dict[str, int]
    environments_gib: int
    """The room for built environments; 0 for no bound."""
    enabled: bool
    paused_at: datetime | None
    paused_by: str | None
    draining: bool
    open_to_members: bool
    fetching: str
    """How far the image is that is brought to its engine; empty: none is."""
    health: str
    health_reason: str
    health_at: datetime | None
    unreachable_since: datetime | None
    facts: dict[str, Any]


class HealthOut(Schema):
    """From when on it was how, and what was found then."""

    health: str
    reason: str
    at: datetime


class TargetDetailOut(TargetOut):
    """A target with its last changes, newest first."""

    health_changes: list[HealthOut]


def _out(target: ComputeTarget) -> TargetOut:
    taken = target_occupancy(target=target)
    return TargetOut(
        name=target.name,
        kind=target.kind,
        config=target.config,
        slots=target.slots,
        build_slots=target.build_slots,
        busy=taken.busy,
        queued=taken.queued,
        building=taken.building,
        gpus=target.gpus,
        gpus_declared=target.gpus_declaration,
        gpus_lent=taken.lent,
        environments_gib=target.environments_gib,
        enabled=target.enabled,
        paused_at=target.paused_at,
        paused_by=target.paused_by.username if target.paused_by else None,
        draining=target.draining,
        open_to_members=target.open_to_members,
        fetching=target.fetching,
        health=target.health,
        health_reason=target.health_reason,
        health_at=target.health_at,
        unreachable_since=target.unreachable_since,
        facts=target.facts,
    )


def _target(request: HttpRequest, name: str, workspace: str) -> ComputeTarget:
    user = caller(request)
    return target_get(user=user, workspace=workspace_for(user=user, slug=workspace), name=name)


@router.get("", response={200: list[TargetOut], **REFUSALS}, summary="List targets")
def targets(request: HttpRequest, workspace: Text = "") -> list[TargetOut]:
    """The targets of a workspace, by name."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [_out(target) for target in target_list(user=user, workspace=where)]


@router.post("", response={201: TargetOut, **REFUSALS}, summary="Register a target")
def create(request: HttpRequest, payload: TargetIn, workspace: Text = "") -> Status[TargetOut]:
    """Register a place to run; nothing is contacted until it is tested."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return Status(201, _out(target_create(user=user, workspace=where, **payload.dict())))


@router.get("/{name}", response={200: TargetDetailOut, **REFUSALS}, summary="Show a target")
def show(request: HttpRequest, name: Text, workspace: Text = "") -> TargetDetailOut:
    """One target, and how it has been lately."""
    target = _target(request, name, workspace)
    changes = [
        HealthOut(health=change.health, reason=change.reason, at=change.at)
        for change in target_healthline(target=target).changes
    ]
    return TargetDetailOut(**_out(target).dict(), health_changes=changes)


@router.patch("/{name}", response={200: TargetOut, **REFUSALS}, summary="Change a target")
def change(
    request: HttpRequest, name: Text, payload: TargetPatch, workspace: Text = ""
) -> TargetOut:
    """Change what is given."""
    target = _target(request, name, workspace)
    changes = payload.dict(exclude_unset=True)
    return _out(target_update(user=caller(request), target=target, **changes))


@router.delete("/{name}", response={204: None, **REFUSALS}, summary="Delete a target")
def delete(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Forget a target that no run went to."""
    target_delete(user=caller(request), target=_target(request, name, workspace))
    return Status(204, None)


@router.post("/{name}/test", response={200: TargetOut, **REFUSALS}, summary="Test a target")
def check(request: HttpRequest, name: Text, workspace: Text = "") -> TargetOut:
    """Get in touch with it: its health and facts afterwards."""
    target = _target(request, name, workspace)
    require_role(caller(request), target.workspace, Role.CONTRIBUTOR)
    target_test(target=target)
    return _out(target)


@router.post("/{name}/pause", response={200: TargetOut, **REFUSALS}, summary="Pause a target")
def pause(request: HttpRequest, name: Text, payload: PauseIn, workspace: Text = "") -> TargetOut:
    """Start no more runs there until it is resumed; what runs there goes on."""
    target = _target(request, name, workspace)
    return _out(target_pause(user=caller(request), target=target, drain=payload.drain))


@router.post("/{name}/resume", response={200: TargetOut, **REFUSALS}, summary="Resume a target")
def resume(request: HttpRequest, name: Text, workspace: Text = "") -> TargetOut:
    """Let runs start there again."""
    return _out(target_resume(user=caller(request), target=_target(request, name, workspace)))


class DataIn(In):
    """What to write of named data; what is left out stays. An empty path takes it away."""

    description: Text | None = None
    paths: dict[Text, Text] = {}


class DataPathOut(Schema):
    """Where a target has it, and what was found there when the target was last tested."""

    target: str
    path: str
    kind: str
    complaint: str
    checked_at: datetime | None


class DataOut(Schema):
    """Named data."""

    name: str
    variable: str
    description: str
    paths: list[DataPathOut]


def _data_out(data: NamedData) -> DataOut:
    return DataOut(
        name=data.name,
        variable=data.variable,
        description=data.description,
        paths=[
            DataPathOut(
                target=at.target.name,
                path=at.path,
                kind=at.kind,
                complaint=at.complaint,
                checked_at=at.checked_at,
            )
            for at in data.paths.all()
        ],
    )


@data_router.get("", response={200: list[DataOut], **REFUSALS}, summary="List data")
def listed_data(request: HttpRequest, workspace: Text = "") -> list[DataOut]:
    """The named data of a workspace, by name."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [_data_out(data) for data in data_list(user=user, workspace=where)]


@data_router.get("/{name}", response={200: DataOut, **REFUSALS}, summary="Show data")
def show_data(request: HttpRequest, name: Text, workspace: Text = "") -> DataOut:
    """One named data."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return _data_out(data_get(user=user, workspace=where, name=name))


@data_router.put("/{name}", response={200: DataOut, **REFUSALS}, summary="Name data")
def save_data(request: HttpRequest, name: Text, payload: DataIn, workspace: Text = "") -> DataOut:
    """Name data and say where targets have it; nothing is contacted until a target is tested."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    data_save(user=user, workspace=where, name=name, **payload.dict())
    return _data_out(data_get(user=user, workspace=where, name=name))


@data_router.delete("/{name}", response={204: None, **REFUSALS}, summary="Forget data")
def delete_data(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Forget the name; the files stay where they are."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    data_delete(user=user, data=data_get(user=user, workspace=where, name=name))
    return Status(204, None)
