"""Environments over REST."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from compute.selectors import target_get
from environments.lock import lock_pins
from environments.models import BuildOrder, Environment, EnvironmentVersion, Lock
from environments.selectors import (
    environment_get,
    environments_used,
    order_get,
    version_find,
    version_get,
)
from environments.services import build_order, environment_delete, version_delete
from environments.services.environments import environment_create
from environments.spec import definition_of, spec_notes
from environments.usage import VersionRow, newest_versions, version_rows
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.models import Workspace
from studio.selectors import workspace_for

router = Router(tags=["environments"])
_SAID = ("pyproject", "conda", "interpreter_path", "image", "dockerfile")


class EnvironmentIn(In):
    """An environment, made from one thing; what is left out is not asked for.

    One of `requirements`, `pyproject`, `conda`, `interpreter_path` and `dockerfile`, or an
    `image` alone; an `image` beside packages is what they are installed into on Docker targets.
    """

    name: Text
    description: Text = ""
    based_on: Text = Field("", description="another environment: the rest is as there")
    requirements: Text | None = Field(None, description="packages, as in a requirements.txt")
    pyproject: Text | None = Field(None, description="the text of a pyproject.toml")
    groups: list[Text] = Field([], description="groups of the pyproject.toml that count too")
    conda: Text | None = Field(None, description="the text of a conda environment.yml")
    interpreter_path: Text | None = Field(None, description="a Python on the target, used as it is")
    image: Text | None = Field(None, description="a Docker image, like python:3.12-slim")
    dockerfile: Text | None = Field(None, description="the text of a Dockerfile")
    context: Text = Field("", description="the snapshot that is the Dockerfile's build context")
    python: Text = Field("", description="the wanted version, like 3.11 or >=3.10,<3.13")
    variables: dict[Text, Text] = {}
    secrets: list[Text] = Field([], description="names of secrets of the workspace")
    spark_packages: list[Text] = Field([], description="Maven coordinates")
    spark_repositories: list[Text] = []


class OrderIn(In):
    """A build ahead of the runs that will need it."""

    target: Text
    rebuild: bool = False
    """Make it anew although it is ready."""


class OrderOut(Schema):
    """How far an order is: `build` is its number as soon as there is one."""

    id: int
    environment: str
    target: str
    status: str
    build: int | None
    error: str


class EnvironmentOut(Schema):
    """An environment as its newest version defines it."""

    name: str
    description: str
    origin: str
    version: int
    kind: str
    created_at: datetime
    notes: list[str]
    """What of the definition is not used, as sentences."""
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
    based_on: str
    requirements: str | None
    pyproject: str | None
    groups: list[str]
    conda: str | None
    interpreter_path: str | None
    image: str | None
    dockerfile: str | None
    context: str
    python: str
    variables: dict[str, str]
    secrets: list[str]
    spark_packages: list[str]
    spark_repositories: list[str]
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
        notes=spec_notes(newest.spec),
        archived_at=environment.archived_at,
    )


def _version_out(row: VersionRow) -> VersionOut:
    version, spec = row.version, row.version.spec
    said = {name: spec.get(name) for name in _SAID} | definition_of(spec)
    return VersionOut(
        number=version.number,
        kind=spec["kind"],
        based_on=version.based_on,
        labels=row.labels,
        locks=[_lock_out(lock) for lock in version.locks.all()],
        updates=version.updates.number if version.updates else None,
        runs=row.runs,
        created_by=version.created_by.username if version.created_by else None,
        created_at=version.created_at,
        archived_at=version.archived_at,
        **{**said, "requirements": spec.get("requirements")},
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


@router.post(
    "",
    response={201: EnvironmentOut, 409: None, **REFUSALS},
    summary="Create an environment",
)
def create(
    request: HttpRequest, payload: EnvironmentIn, workspace: Text = ""
) -> Status[EnvironmentOut]:
    """Define an environment, or its next version; the same definition again changes nothing."""
    version = environment_create(
        user=caller(request),
        workspace=_workspace(request, workspace),
        **payload.dict(exclude_unset=True),
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


@router.post("/{name}/build", response={202: OrderOut, **REFUSALS}, summary="Order a build")
def order(
    request: HttpRequest, name: Text, payload: OrderIn, workspace: Text = ""
) -> Status[OrderOut]:
    """Have an environment ("name" or "name:3") built on a target before any run needs it."""
    here = _workspace(request, workspace)
    target = target_get(user=caller(request), workspace=here, name=payload.target)
    made = build_order(
        user=caller(request),
        version=version_get(workspace=here, reference=name),
        target=target,
        is_rebuild=payload.rebuild,
    )
    return Status(202, _order_out(made))


@router.get("/orders/{order_id}", response={200: OrderOut, **REFUSALS}, summary="Show an order")
def show_order(request: HttpRequest, order_id: int) -> OrderOut:
    """How far an ordered build is."""
    return _order_out(order_get(user=caller(request), order_id=order_id))


def _order_out(order: BuildOrder) -> OrderOut:
    return OrderOut(
        id=order.pk,
        environment=str(order.version),
        target=order.target.name,
        status=order.status,
        build=order.build_id,
        error=order.error or (order.build.error if order.build else ""),
    )
