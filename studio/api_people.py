"""Colleagues and sign-in links over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from studio.addresses import login_url
from studio.api_auth import caller
from studio.api_types import REFUSALS, In, Text
from studio.models import Membership, Role
from studio.selectors import member_list, workspace_for
from studio.services import (
    login_link_create,
    member_add,
    member_change,
    member_link,
    member_remove,
)

router = Router(tags=["people"])


class PersonIn(In):
    """Somebody to let in."""

    name: Text
    role: Text = "contributor"
    email: Text = ""


class RoleIn(In):
    """What a member shall be."""

    role: Text


class PersonOut(Schema):
    """A member of a workspace."""

    name: str
    email: str
    role: str
    is_owner: bool
    last_seen_at: datetime | None


class NewPersonOut(PersonOut):
    """A new member; `link` signs them in once and is shown once, "" if they have an account."""

    link: str


class LinkOut(Schema):
    """An address that signs somebody in once; it is shown this once."""

    link: str


def _facts(member: Membership) -> dict[str, Any]:
    return {
        "name": member.user.username,
        "email": member.user.email,
        "role": member.role,
        "is_owner": member.user.is_superuser,
        "last_seen_at": member.user.last_seen_at,
    }


@router.get("/people", response={200: list[PersonOut], **REFUSALS}, summary="List members")
def people(request: HttpRequest, workspace: Text = "") -> list[PersonOut]:
    """The members of a workspace, for its admins."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace, role=Role.ADMIN)
    return [PersonOut(**_facts(member)) for member in member_list(user=user, workspace=where)]


@router.post("/people", response={201: NewPersonOut, **REFUSALS}, summary="Add a member")
def add(request: HttpRequest, payload: PersonIn, workspace: Text = "") -> Status[NewPersonOut]:
    """Let somebody in; who has no account yet gets a link that is shown this once."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace, role=Role.ADMIN)
    made = member_add(by=user, workspace=where, **payload.dict())
    link = login_url(request, made.link) if made.link else ""
    return Status(201, NewPersonOut(**_facts(made.member), link=link))


@router.patch("/people/{name}", response={200: PersonOut, **REFUSALS}, summary="Change a role")
def change(request: HttpRequest, name: Text, payload: RoleIn, workspace: Text = "") -> PersonOut:
    """Give a member another role."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace, role=Role.ADMIN)
    member = member_change(by=user, workspace=where, name=name, role=payload.role)
    return PersonOut(**_facts(member))


@router.delete("/people/{name}", response={204: None, **REFUSALS}, summary="Remove a member")
def remove(request: HttpRequest, name: Text, workspace: Text = "") -> Status[None]:
    """Take a member out of the workspace; their runs stay."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace, role=Role.ADMIN)
    member_remove(by=user, workspace=where, name=name)
    return Status(204, None)


@router.post(
    "/people/{name}/link", response={201: LinkOut, **REFUSALS}, summary="Make a member's link"
)
def link_for(request: HttpRequest, name: Text, workspace: Text = "") -> Status[LinkOut]:
    """A new sign-in link for a colleague; it works once, within three days."""
    user = caller(request)
    where = workspace_for(user=user, slug=workspace, role=Role.ADMIN)
    secret = member_link(by=user, workspace=where, name=name)
    return Status(201, LinkOut(link=login_url(request, secret)))


@router.post("/me/link", response={201: LinkOut, **REFUSALS}, summary="Make my own link")
def link(request: HttpRequest) -> Status[LinkOut]:
    """A new sign-in link for the caller; it works once, within an hour."""
    return Status(201, LinkOut(link=login_url(request, login_link_create(user=caller(request)))))
