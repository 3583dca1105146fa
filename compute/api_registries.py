"""Logins for registries of images over REST; secrets go in and never come out."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from compute.models import RegistryLogin
from compute.registries import registry_login_remove, registry_login_set
from compute.selectors import registry_login_list
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.selectors import workspace_for

router = Router(tags=["registries"])


class LoginIn(In):
    """What a registry wants to hear; the password may be a token."""

    username: Text
    password: Text


class LoginOut(Schema):
    """A login without its password."""

    host: str
    username: str
    created_at: datetime
    last_used_at: datetime | None


def _out(login: RegistryLogin) -> LoginOut:
    return LoginOut(
        host=login.host,
        username=login.username,
        created_at=login.created_at,
        last_used_at=login.last_used_at,
    )


@router.get("", response={200: list[LoginOut], **REFUSALS}, summary="List registries")
def logins(request: HttpRequest, workspace: Text = "") -> list[LoginOut]:
    """The registries that the workspace has a login for."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [_out(row) for row in registry_login_list(user=user, workspace=where)]


@router.put("/{host}", response={200: LoginOut, **REFUSALS}, summary="Log in to a registry")
def login(request: HttpRequest, host: Text, payload: LoginIn, workspace: Text = "") -> LoginOut:
    """Keep the login for a registry, encrypted; only admins of the workspace may."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return _out(registry_login_set(user=user, workspace=where, host=host, **payload.dict()))


@router.delete("/{host}", response={204: None, **REFUSALS}, summary="Log out of a registry")
def logout(request: HttpRequest, host: Text, workspace: Text = "") -> Status[None]:
    """Forget the login; images that were brought with it stay where they are."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    registry_login_remove(user=user, workspace=where, host=host)
    return Status(204, None)
