"""Versions over REST: locks, differences, labels, taking out of use, newer packages.

`name` is `name`, `name:3` or `name:label` on all of these routes.
"""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from environments.differences import LockChange, definition_changes, lock_changes
from environments.models import EnvironmentVersion, LockUpdate
from environments.selectors import (
    environment_get,
    lock_get,
    update_changes,
    update_get,
    version_find,
    version_locks,
)
from environments.services import (
    environment_archive,
    label_remove,
    label_set,
    update_apply,
    update_start,
    version_archive,
)
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.lib.refusal import NotFound
from studio.selectors import workspace_for

router = Router(tags=["environments"])


class LabelIn(In):
    """The version that a label shall mean."""

    version: int


class LabelOut(Schema):
    """A label and what it means."""

    label: str
    version: int


class LineOut(Schema):
    """A line of a definition: `+` added, `-` removed, a blank in both, `@` lines left out."""

    sign: str
    text: str


class PartOut(Schema):
    """A part of the definition that is not the same in both."""

    label: str
    lines: list[LineOut]


class PackageOut(Schema):
    """A package that is not the same in both; a version is empty where it is not there."""

    name: str
    old: str
    new: str
    kind: str


class LockDiffOut(Schema):
    """Two locks beside each other."""

    old: str
    new: str
    packages: list[PackageOut]
    identical: bool
    """Down to the files that are welcome."""


class DiffOut(Schema):
    """What the second version has otherwise than the first."""

    old: str
    new: str
    definition: list[PartOut]
    locks: list[LockDiffOut]


class UpdateOut(Schema):
    """Packages resolved anew beside a version: queued, running, ready, failed or applied."""

    id: int
    version: str
    status: str
    error: str
    locks: list[LockDiffOut]
    """What would change, once it is ready."""
    made: str | None
    created_at: datetime
    ended_at: datetime | None


def _version(request: HttpRequest, reference: str, workspace: str) -> EnvironmentVersion:
    where = workspace_for(user=caller(request), slug=workspace)
    return version_find(workspace=where, reference=reference)


def _lock_diff(change: LockChange) -> LockDiffOut:
    return LockDiffOut(
        old=str(change.old),
        new=str(change.new),
        packages=[PackageOut(**vars(package), kind=package.kind) for package in change.changes],
        identical=change.is_identical,
    )


@router.get("/{name}/lock", response=REFUSALS, summary="Download a lock")
def lock(
    request: HttpRequest, name: Text, workspace: Text = "", python: Text = "", platform: Text = ""
) -> HttpResponse:
    """A version's lock with hashes, as pip and uv install it.

    `python` and `platform` choose one when there are several; the newest is taken otherwise.
    """
    version = _version(request, name, workspace)
    found = lock_get(version=version, python_version=python, platform=platform)
    return HttpResponse(found.text, content_type="text/plain; charset=utf-8")


@router.get("/{name}/diff", response={200: DiffOut, **REFUSALS}, summary="Compare two versions")
def diff(request: HttpRequest, name: Text, to: Text, workspace: Text = "") -> DiffOut:
    """What differs in definition and locks from `name` to `to`, of this or another environment."""
    old, new = _version(request, name, workspace), _version(request, to, workspace)
    return DiffOut(
        old=str(old),
        new=str(new),
        definition=[
            PartOut(label=part.label, lines=[LineOut(**line._asdict()) for line in part.lines])
            for part in definition_changes(old.spec, new.spec)
        ],
        locks=[
            _lock_diff(change)
            for change in lock_changes(version_locks(version=old), version_locks(version=new))
        ],
    )


@router.put("/{name}/labels/{label}", response={200: LabelOut, **REFUSALS}, summary="Set a label")
def label_put(
    request: HttpRequest, name: Text, label: Text, payload: LabelIn, workspace: Text = ""
) -> LabelOut:
    """Let a label mean a version; it may have meant another one before."""
    version = _version(request, f"{name}:{payload.version}", workspace)
    found = label_set(user=caller(request), version=version, label=label)
    return LabelOut(label=found.name, version=version.number)


@router.delete("/{name}/labels/{label}", response={204: None, **REFUSALS}, summary="Remove a label")
def label_delete(
    request: HttpRequest, name: Text, label: Text, workspace: Text = ""
) -> Status[None]:
    """Forget a label; its version stays."""
    where = workspace_for(user=caller(request), slug=workspace)
    environment = environment_get(workspace=where, name=name)
    label_remove(user=caller(request), environment=environment, label=label)
    return Status(204, None)


@router.post("/{name}/archive", response={204: None, **REFUSALS}, summary="Archive")
def archive(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Take an environment (`name`) or a version (`name:3`) out of use: new runs are refused."""
    _archive(request, name, workspace, is_archived=True)
    return Status(204, None)


@router.post("/{name}/restore", response={204: None, **REFUSALS}, summary="Restore")
def restore(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Bring an archived environment or version back into use."""
    _archive(request, name, workspace, is_archived=False)
    return Status(204, None)


def _archive(request: HttpRequest, name: str, workspace: str, *, is_archived: bool) -> None:
    user = caller(request)
    if ":" in name:
        version = _version(request, name, workspace)
        version_archive(user=user, version=version, is_archived=is_archived)
    else:
        where = workspace_for(user=user, slug=workspace)
        environment = environment_get(workspace=where, name=name)
        environment_archive(user=user, environment=environment, is_archived=is_archived)


def _update_out(update: LockUpdate) -> UpdateOut:
    changes = update_changes(update=update) if update.status == LockUpdate.Status.READY else []
    return UpdateOut(
        id=update.pk,
        version=str(update.version),
        status=update.status,
        error=update.error,
        locks=[_lock_diff(change) for change in changes],
        made=str(update.made) if update.made else None,
        created_at=update.created_at,
        ended_at=update.ended_at,
    )


def _update(request: HttpRequest, name: str, update_id: int) -> LockUpdate:
    found = update_get(user=caller(request), update_id=update_id)
    if found.version.environment.name != name.partition(":")[0]:
        raise NotFound(f"There is no update {update_id} of {name}.")
    return found


@router.post(
    "/{name}/updates", response={202: UpdateOut, **REFUSALS}, summary="Look for newer packages"
)
def update_create(request: HttpRequest, name: Text, workspace: Text = "") -> Status[UpdateOut]:
    """Resolve a version's packages anew beside its locks; ask for it until it is ready."""
    version = _version(request, name, workspace)
    return Status(202, _update_out(update_start(user=caller(request), version=version)))


@router.get(
    "/{name}/updates/{update_id}",
    response={200: UpdateOut, **REFUSALS},
    summary="Show an update of packages",
)
def update_show(request: HttpRequest, name: Text, update_id: int) -> UpdateOut:
    """How it goes, and what would change."""
    return _update_out(_update(request, name, update_id))


@router.post(
    "/{name}/updates/{update_id}/apply",
    response={201: UpdateOut, **REFUSALS},
    summary="Make the version that an update shows",
)
def update_make(request: HttpRequest, name: Text, update_id: int) -> Status[UpdateOut]:
    """The next version: the same definition with exactly the locks that were shown."""
    update = _update(request, name, update_id)
    update_apply(user=caller(request), update=update)
    return Status(201, _update_out(update_get(user=caller(request), update_id=update_id)))
