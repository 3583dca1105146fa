"""Where a workspace's packages come from, over REST; passwords go in and never come out."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from environments.models import PackageIndex
from environments.selectors import index_get
from environments.services import index_credentials, index_remove, index_set, index_try
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.lib.refusal import NotFound
from studio.models import Role
from studio.selectors import workspace_for

router = Router(tags=["package index"])


class IndexIn(In):
    """The index that is asked last, those before it, and certificates to trust (PEM)."""

    url: Text
    extra_urls: list[Text] = []
    authority: Text = ""


class IndexCredentialsIn(In):
    """What one of the indexes asks for; two empty ones forget it."""

    url: Text
    username: Text = ""
    password: Text = ""


class IndexOut(Schema):
    """What is set; of credentials the user name, by address."""

    url: str
    extra_urls: list[str]
    authority: str
    usernames: dict[str, str]
    changed_at: datetime
    changed_by: str | None


class TriedOut(Schema):
    """What came of asking one index from the studio's machine."""

    url: str
    works: bool
    sentence: str


def _out(found: PackageIndex) -> IndexOut:
    return IndexOut(
        url=found.url,
        extra_urls=found.extra_urls,
        authority=found.authority,
        usernames=found.usernames,
        changed_at=found.changed_at,
        changed_by=found.changed_by.username if found.changed_by else None,
    )


@router.get("", response={200: IndexOut, **REFUSALS}, summary="Show the package index")
def show(request: HttpRequest, workspace: Text = "") -> IndexOut:
    """Where packages come from; 404 when they come from where the studio gets them."""
    where = workspace_for(user=caller(request), slug=workspace, role=Role.CONTRIBUTOR)
    found = index_get(workspace=where)
    if found is None:
        raise NotFound("The workspace has no package index of its own.", field="index")
    return _out(found)


@router.put("", response={200: IndexOut, **REFUSALS}, summary="Set the package index")
def keep(request: HttpRequest, payload: IndexIn, workspace: Text = "") -> IndexOut:
    """Have packages come from these indexes; credentials stay with their addresses. Admins only."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return _out(index_set(user=user, workspace=where, **payload.dict()))


@router.put(
    "/credentials", response={200: IndexOut, **REFUSALS}, summary="Keep an index's credentials"
)
def credentials(
    request: HttpRequest, payload: IndexCredentialsIn, workspace: Text = ""
) -> IndexOut:
    """Keep what one of the indexes asks for, encrypted, or forget it. Admins only."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return _out(index_credentials(user=user, workspace=where, **payload.dict()))


@router.post("/check", response={200: list[TriedOut], **REFUSALS}, summary="Check the index")
def check(request: HttpRequest, workspace: Text = "") -> list[TriedOut]:
    """Ask each index from the studio's machine. Admins only."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace)
    return [
        TriedOut(url=url, works=works, sentence=sentence)
        for url, works, sentence in index_try(user=user, workspace=where)
    ]


@router.delete("", response={204: None, **REFUSALS}, summary="Remove the package index")
def remove(request: HttpRequest, workspace: Text = "") -> Status[None]:
    """Go back to where the studio gets packages. Admins only."""
    user = caller(request)
    index_remove(user=user, workspace=workspace_for(user=user, slug=workspace))
    return Status(204, None)
