"""Environments over REST."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from environments.models import Environment, EnvironmentVersion
from environments.selectors import environment_get, environment_list
from environments.services.environments import environment_create
from environments.spec import definition_of, spec_notes
from studio.api_auth import caller
from studio.api_types import REFUSALS, ErrorOut, In, Text
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


class VersionOut(Schema):
    """One version of an environment: it never changes."""

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
        notes=spec_notes(newest.spec),
    )


def _version_out(version: EnvironmentVersion) -> VersionOut:
    spec = version.spec
    said = {name: spec.get(name) for name in _SAID} | definition_of(spec)
    return VersionOut(
        number=version.number,
        kind=spec["kind"],
        based_on=version.based_on,
        created_at=version.created_at,
        **{**said, "requirements": spec.get("requirements")},
    )


def _workspace(request: HttpRequest, slug: str) -> Workspace:
    return workspace_for(user=caller(request), slug=slug)


@router.get("", response={200: list[EnvironmentOut], **REFUSALS}, summary="List environments")
def environments(request: HttpRequest, workspace: Text = "") -> list[EnvironmentOut]:
    """The environments of a workspace, by name."""
    rows = environment_list(workspace=_workspace(request, workspace)).prefetch_related("versions")
    return [_out(row, versions[0]) for row in rows if (versions := list(row.versions.all()))]


@router.post(
    "",
    response={201: EnvironmentOut, 409: ErrorOut, **REFUSALS},
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
    """One environment with its versions."""
    environment = environment_get(workspace=_workspace(request, workspace), name=name)
    versions = list(environment.versions.all())
    return EnvironmentDetailOut(
        **_out(environment, versions[0]).dict(), versions=[_version_out(v) for v in versions]
    )
