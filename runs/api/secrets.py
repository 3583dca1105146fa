"""Secrets of a workspace: values go in and never come out."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from runs.services.secrets import secret_delete
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.models import WorkspaceSecret
from studio.selectors import secret_list, workspace_for
from studio.services import secret_set

router = Router(tags=["secrets"])


class SecretIn(In):
    """The value to keep."""

    value: Text


class SecretOut(Schema):
    """A secret without its value."""

    name: str
    created_at: datetime
    changed_at: datetime
    changed_by: str | None
    last_used_at: datetime | None


def _out(secret: WorkspaceSecret) -> SecretOut:
    return SecretOut(
        name=secret.name,
        created_at=secret.created_at,
        changed_at=secret.changed_at,
        changed_by=secret.changed_by.username if secret.changed_by else None,
        last_used_at=secret.last_used_at,
    )


@router.get("", response={200: list[SecretOut], **REFUSALS}, summary="List secrets")
def secrets(request: HttpRequest, workspace: Text = "") -> list[SecretOut]:
    """The secrets of a workspace by name; for its contributors and admins."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [_out(row) for row in secret_list(user=user, workspace=where)]


@router.put(
    "/{name}",
    response={200: SecretOut, 201: SecretOut, **REFUSALS},
    summary="Keep a secret",
)
def keep(
    request: HttpRequest, name: Text, payload: SecretIn, workspace: Text = ""
) -> Status[SecretOut]:
    """Keep a value under a name, encrypted, in place of an earlier one; admins only.

    Runs name it in `secrets` and find it in a variable of that name.
    """
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    kept, is_new = secret_set(user=user, workspace=where, name=name, value=payload.value)
    return Status(201 if is_new else 200, _out(kept))


@router.delete("/{name}", response={204: None, **REFUSALS}, summary="Delete a secret")
def delete(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Delete it; refused while a run that waits, or an environment, needs it."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    secret_delete(user=user, workspace=where, name=name)
    return Status(204, None)
