"""What opens private git repositories; secrets go in and never come out."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from runs.models import GitCredential
from runs.selectors.credentials import credential_list, fingerprint, host_list
from runs.services.credentials import credential_add, credential_remove, host_forget
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.selectors import workspace_for

router = Router(tags=["git credentials"])


class CredentialIn(In):
    """A credential: `kind` is token or ssh_key; an ssh_key without a secret is made here."""

    name: Text
    kind: Text
    host: Text
    username: Text = ""
    secret: Text = ""


class CredentialOut(Schema):
    """A credential without its secret."""

    name: str
    kind: str
    host: str
    username: str
    public_key: str
    created_at: datetime
    last_used_at: datetime | None


class HostOut(Schema):
    """An SSH host and the fingerprint of the key by which it is known."""

    id: int
    host: str
    key_type: str
    fingerprint: str
    seen_at: datetime


def _out(credential: GitCredential) -> CredentialOut:
    return CredentialOut(
        name=credential.name,
        kind=credential.kind,
        host=credential.host,
        username=credential.username,
        public_key=credential.public_key,
        created_at=credential.created_at,
        last_used_at=credential.last_used_at,
    )


@router.get("", response={200: list[CredentialOut], **REFUSALS}, summary="List git credentials")
def credentials(request: HttpRequest, workspace: Text = "") -> list[CredentialOut]:
    """The credentials of a workspace by name."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [_out(row) for row in credential_list(user=user, workspace=where)]


@router.post("", response={201: CredentialOut, **REFUSALS}, summary="Add a git credential")
def add(request: HttpRequest, payload: CredentialIn, workspace: Text = "") -> Status[CredentialOut]:
    """Keep a token or deploy key for one host, encrypted; only admins of the workspace may."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return Status(201, _out(credential_add(user=user, workspace=where, **payload.dict())))


@router.get("/hosts", response={200: list[HostOut], **REFUSALS}, summary="List known SSH hosts")
def hosts(request: HttpRequest, workspace: Text = "") -> list[HostOut]:
    """The SSH hosts that the workspace knows, each by the key that it showed first."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [
        HostOut(
            id=row.pk,
            host=row.name,
            key_type=row.key_type,
            fingerprint=fingerprint(row.key),
            seen_at=row.seen_at,
        )
        for row in host_list(user=user, workspace=where)
    ]


@router.delete(
    "/hosts/{host_id}", response={204: None, **REFUSALS}, summary="Forget an SSH host's key"
)
def forget(request: HttpRequest, host_id: int, workspace: Text = "") -> Status[None]:
    """Forget it: the next key that the host shows is taken and kept."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    host_forget(user=user, workspace=where, host_id=host_id)
    return Status(204, None)


@router.delete("/{name}", response={204: None, **REFUSALS}, summary="Remove a git credential")
def remove(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Forget a credential; what was imported with it stays."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    credential_remove(user=user, workspace=where, name=name)
    return Status(204, None)
