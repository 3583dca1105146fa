"""Environments over REST."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from environments.models import Environment, EnvironmentVersion
from environments.selectors import environment_get, environment_list
from environments.services.environments import environment_create
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


class VersionOut(Schema):
    """One version of an environment: it never changes."""

    number: int
    kind: str
    requirements: str | None
    interpreter_path: str | None
    created_at: datetime


class EnvironmentDetailOut(EnvironmentOut):
    """An environment with all its versions, newest first."""

    versions: list[VersionOut]


def _out(environment: Environment, newest: EnvironmentVersion) -> EnvironmentOut:
    return EnvironmentOut(
        name=environment.name,
        description=environment.description,
        origin=environment.origin,
        version=newest.number,
        kind=newest.spec["kind"],
        created_at=newest.created_at,
    )


def _version_out(version: EnvironmentVersion) -> VersionOut:
    return VersionOut(
        number=version.number,
        kind=version.spec["kind"],
        requirements=version.spec.get("requirements"),
        interpreter_path=version.spec.get("interpreter_path"),
        created_at=version.created_at,
    )


def _workspace(request: HttpRequest, slug: str) -> Workspace:
    return workspace_for(user=caller(request), slug=slug)


@router.get("", response={200: list[EnvironmentOut], **REFUSALS}, summary="List environments")
def environments(request: HttpRequest, workspace: Text = "") -> list[EnvironmentOut]:
    """The environments of a workspace, by name."""
    rows = environment_list(workspace=_workspace(request, workspace)).prefetch_related("versions")
    return [_out(row, versions[0]) for row in rows if (versions := list(row.versions.all()))]


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
    """One environment with its versions."""
    environment = environment_get(workspace=_workspace(request, workspace), name=name)
    versions = list(environment.versions.all())
    return EnvironmentDetailOut(
        **_out(environment, versions[0]).dict(), versions=[_version_out(v) for v in versions]
    )
