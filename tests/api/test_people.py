"""Colleagues and sign-in links over REST: the owner, an admin, a member, a viewer, a stranger."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from studio.models import Membership, User, Workspace
from tests.api.caller import Answer, Caller
from tests.factories import make_user


@pytest.fixture
def admin(workspace: Workspace) -> Caller:
    return Caller(make_user("adam", workspace=workspace, role="admin"))


def enters(link: str) -> str:
    """Whom a link signs in."""
    client = Client()
    client.post(urlsplit(link).path)
    return User.objects.get(pk=client.session["_auth_user_id"]).username


def every_change(caller: Caller, name: str) -> list[Answer]:
    return [
        caller.post("/people", {"name": "ada"}),
        caller.patch(f"/people/{name}", {"role": "admin"}),
        caller.post(f"/people/{name}/link"),
        caller.delete(f"/people/{name}"),
    ]


@pytest.mark.parametrize("who", ["owner", "admin"])
def test_admins_list_add_change_and_remove(
    who: str, bob: User, request: pytest.FixtureRequest
) -> None:
    caller: Caller = request.getfixturevalue(who)
    made = caller.post("/people", {"name": "ada", "role": "viewer", "email": "ada@example.org"})
    assert made.status == 201
    link = made.json["link"]
    assert link.startswith("http://testserver/login/")
    assert enters(link) == "ada"
    known = {
        "name": "ada",
        "email": "ada@example.org",
        "role": "viewer",
        "is_owner": False,
        "last_seen_at": None,
    }
    assert made.json == known | {"link": link}
    listed: list[Any] = caller.get("/people").json
    assert known in listed
    assert {"bob", "owner"} < {person["name"] for person in listed}
    assert caller.patch("/people/ada", {"role": "admin"}).json["role"] == "admin"
    assert caller.delete("/people/ada").status == 204
    assert "ada" not in {person["name"] for person in caller.get("/people").json}


@pytest.mark.parametrize("who", ["member", "viewer"])
def test_others_may_not(who: str, alice: User, request: pytest.FixtureRequest) -> None:
    caller: Caller = request.getfixturevalue(who)
    assert caller.get("/people").status == 403
    assert {answer.status for answer in every_change(caller, "owner")} == {403}
    assert not User.objects.filter(username="ada").exists()


def test_a_stranger_reaches_nobody_here(stranger: Caller, bob: User) -> None:
    assert [person["name"] for person in stranger.get("/people").json] == ["charlie"]
    assert stranger.get("/people?workspace=main").status == 404
    assert {answer.status for answer in every_change(stranger, "bob")[1:]} == {404}
    assert stranger.post("/people?workspace=main", {"name": "eve"}).status == 404
    assert stranger.delete("/people/bob?workspace=main").status == 404
    assert Membership.objects.get(user=bob).role == "contributor"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "bob"}, 422, "name"),
        ({"name": "no space"}, 422, "name"),
        ({"name": "\ud800"}, 422, "name"),
        ({"name": "ada", "role": "king"}, 422, "role"),
        ({"name": "ada", "email": "x"}, 422, "email"),
        ({"nam": "ada"}, 422, "name"),
    ],
)
def test_what_cannot_be_names_its_field(
    admin: Caller, bob: User, body: dict[str, str], status: int, field: str
) -> None:
    answer = admin.post("/people", body)
    assert (answer.status, answer.json["field"]) == (status, field)


def test_who_has_an_account_gets_no_link(admin: Caller, charlie: User) -> None:
    made = admin.post("/people", {"name": "charlie"})
    assert (made.status, made.json["link"]) == (201, "")
    assert admin.post("/people/charlie/link").status == 403
    assert admin.post("/people/owner/link").status == 403


def test_the_last_admin_and_the_owner_stay(stranger: Caller, admin: Caller) -> None:
    assert "last admin" in stranger.delete("/people/charlie").detail
    assert "last admin" in stranger.patch("/people/charlie", {"role": "viewer"}).detail
    assert "owns this studio" in admin.delete("/people/owner").detail
    assert "owns this studio" in admin.patch("/people/owner", {"role": "viewer"}).detail


@pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
def test_everybody_makes_a_link_for_oneself(who: str, request: pytest.FixtureRequest) -> None:
    caller: Caller = request.getfixturevalue(who)
    answer = caller.post("/me/link")
    assert answer.status == 201
    assert caller.user is not None
    assert enters(answer.json["link"]) == caller.user.username


def test_a_link_is_under_the_public_address(member: Caller, settings: Any) -> None:
    settings.PUBLIC_URL = "https://runs.example.org"
    assert member.post("/me/link").json["link"].startswith("https://runs.example.org/login/")
