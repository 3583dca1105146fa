"""The root of the REST API. Each app adds its routers in `studio.api_root`."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Schema

from studio.api_auth import CallerAuth, caller
from studio.api_errors import Api, add_error_handlers
from studio.selectors import role_of, workspaces_of

api = Api(
    title="Runyard",
    version="1",
    urls_namespace="api",
    auth=CallerAuth(),
    description="Submit runs, follow them, fetch what they made.",
)
add_error_handlers(api)


class WorkspaceOut(Schema):
    """A workspace and what the caller may do in it."""

    slug: str
    name: str
    role: str


class MeOut(Schema):
    """The caller."""

    user: str
    is_owner: bool
    workspaces: list[WorkspaceOut]
    version: str


@api.get("/me", response=MeOut, tags=["people"], summary="Who am I")
def me(request: HttpRequest) -> MeOut:
    """The caller, and the workspaces that they belong to."""
    user = caller(request)
    return MeOut(
        user=user.username,
        is_owner=user.is_superuser,
        workspaces=[
            WorkspaceOut(slug=w.slug, name=w.name, role=str(role_of(user=user, workspace=w)))
            for w in workspaces_of(user=user)
        ],
        version=settings.VERSION,
    )
