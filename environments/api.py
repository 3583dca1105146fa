"""Environments over REST."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from environments.lock import lock_pins
from environments.models import Environment, EnvironmentVersion, Lock
from environments.selectors import environment_get, environments_used, version_find
from environments.services import environment_delete, version_delete
from environments.services.environments import environment_create
from environments.usage import VersionRow, newest_versions, version_rows
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.models import Workspace
from studio.selectors import workspace_for

router = Router(tags=["environments"])


class EnvironmentIn(In):
    """An environment: the packages it needs, or a Python that is there already."""

    name: Text
    requirements: Text | None = None
    interpreter_path: Text | None = None
    description: Text = ""


class EnvironmentOut(Schema):
    """An environment as its newest version defines it."""

    name: str
    description: str
    origin: str
    version: int
    kind: str
    created_at: datetime
    archived_at: datetime | None


class LockOut(Schema):
    """What a lock is for, and how many packages it has."""

    python_version: str
    platform: str
    packages: int
    created_at: datetime


class VersionOut(Schema):
    """One version of an environment: what it defines never changes."""

    number: int
    kind: str
    requirements: str | None
    interpreter_path: str | None
    labels: list[str]
    """`latest` is among those of the newest version in use."""
    locks: list[LockOut]
    updates: int | None
    """The number of the version whose packages it brings up to date."""
    runs: int
    created_by: str | None
    created_at: datetime
    archived_at: datetime | None


class EnvironmentDetailOut(EnvironmentOut):
    """An environment with all its versions, newest first.

    `version`, `kind` and `created_at` are of the version that was asked for.
    """

    versions: list[VersionOut]


def _out(environment: Environment, newest: EnvironmentVersion) -> EnvironmentOut:
    return EnvironmentOut(
        name=environment.name,
        description=environment.description,
        origin=environment.origin,
        version=newest.number,
        kind=newest.spec["kind"],
        created_at=newest.created_at,
        archived_at=environment.archived_at,
    )


def _version_out(row: VersionRow) -> VersionOut:
    version = row.version
    return VersionOut(
        number=version.number,
        kind=version.spec["kind"],
        requirements=version.spec.get("requirements"),
        interpreter_path=version.spec.get("interpreter_path"),
        labels=row.labels,
        locks=[_lock_out(lock) for lock in version.locks.all()],
        updates=version.updates.number if version.updates else None,
        runs=row.runs,
        created_by=version.created_by.username if version.created_by else None,
        created_at=version.created_at,
        archived_at=version.archived_at,
    )


def _lock_out(lock: Lock) -> LockOut:
    return LockOut(
        python_version=lock.python_version,
        platform=lock.platform,
        packages=len(lock_pins(lock.text)),
        created_at=lock.created_at,
    )


def _workspace(request: HttpRequest, slug: str) -> Workspace:
    return workspace_for(user=caller(request), slug=slug)


@router.get("", response={200: list[EnvironmentOut], **REFUSALS}, summary="List environments")
def environments(
    request: HttpRequest, workspace: Text = "", *, archived: bool = False
) -> list[EnvironmentOut]:
    """The environments of a workspace, by name; with `archived` those out of use instead."""
    rows = list(environments_used(workspace=_workspace(request, workspace), is_archived=archived))
    newest = newest_versions(environments=rows)
    return [_out(row, newest[row.pk]) for row in rows if row.pk in newest]


@router.post("", response={201: EnvironmentOut, **REFUSALS}, summary="Create an environment")
def create(
    request: HttpRequest, payload: EnvironmentIn, workspace: Text = ""
) -> Status[EnvironmentOut]:
    """Define an environment, or its next version; the same definition again changes nothing."""
    version = environment_create(
        user=caller(request), workspace=_workspace(request, workspace), **payload.dict()
    )
    version.environment.refresh_from_db()
    return Status(201, _out(version.environment, version))


@router.get(
    "/{name}", response={200: EnvironmentDetailOut, **REFUSALS}, summary="Show an environment"
)
def show(request: HttpRequest, name: Text, workspace: Text = "") -> EnvironmentDetailOut:
    """One environment with its versions; `name` may be `name:3` or `name:label`."""
    version = version_find(workspace=_workspace(request, workspace), reference=name)
    rows = version_rows(environment=version.environment)
    return EnvironmentDetailOut(
        **_out(version.environment, version).dict(), versions=[_version_out(row) for row in rows]
    )


@router.delete("/{name}", response={204: None, **REFUSALS}, summary="Delete")
def delete(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Delete an environment (`name`) or a version (`name:3`) that no run uses, with its locks."""
    user, where = caller(request), _workspace(request, workspace)
    if ":" in name:
        version_delete(user=user, version=version_find(workspace=where, reference=name))
    else:
        environment_delete(user=user, environment=environment_get(workspace=where, name=name))
    return Status(204, None)
