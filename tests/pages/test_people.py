"""The people of a workspace: its admins add, change and remove them."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from studio.models import AuditEvent, Membership, Role, User, Workspace
from tests.factories import make_user
from tests.pages.test_every_page import BUDGET, queries
from tests.pages.visitor import Page, Visitor

ADD = {"name": "ada", "role": "contributor", "email": ""}


@pytest.fixture
def admin(workspace: Workspace) -> Visitor:
    """An admin of the workspace who does not own the studio."""
    return Visitor(make_user("adam", workspace=workspace, role=Role.ADMIN))


def link_of(page: Page) -> str:
    found = re.search(r'id="new-link">http://testserver(/login/[\w-]+/)<', page.html)
    assert found, page.text
    return found[1]


def role_of(name: str) -> str:
    return Membership.objects.get(user__username=name, workspace__slug="main").role


def changes(name: str) -> dict[str, dict[str, str]]:
    return {
        "/people/": ADD,
        f"/people/{name}/role/": {"role": "admin"},
        f"/people/{name}/link/": {},
        f"/people/{name}/remove/": {},
    }


@pytest.mark.parametrize("who", ["owner", "admin"])
def test_admins_see_who_is_there(
    who: str, bob: User, vera: User, charlie: User, request: pytest.FixtureRequest
) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    page = visitor.get("/people/")
    assert page.status == 200
    assert "People of team" in page.text
    assert "bob" in page.text
    assert "charlie" not in page.text
    assert "People" in visitor.get("/").text


@pytest.mark.parametrize("who", ["member", "viewer"])
def test_others_do_not(who: str, alice: User, request: pytest.FixtureRequest) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    assert "/people/" not in visitor.get("/").html
    assert visitor.get("/people/").status == 403
    for path, form in changes("bob" if who == "viewer" else "owner").items():
        assert visitor.post(path, form).status == 403, path
    assert visitor.get("/people/owner/remove/").status == 403
    assert not User.objects.filter(username="ada").exists()


def test_a_stranger_looks_after_their_own_people(stranger: Visitor, bob: User, vera: User) -> None:
    assert "bob" not in stranger.get("/people/").text
    for path in changes("bob"):
        if path != "/people/":
            assert stranger.post(path, {"role": "admin"}).status == 404, path
    assert stranger.get("/people/bob/remove/").status == 404
    assert role_of("bob") == "contributor"


def test_nobody_signs_in_first(nobody: Visitor, bob: User) -> None:
    for path in changes("bob"):
        assert nobody.post(path).location.startswith("/sign-in/"), path


def test_a_colleague_is_added_and_comes_in_by_the_link(admin: Visitor) -> None:
    page = admin.post("/people/", ADD | {"email": "ada@example.org"})
    link = link_of(page)
    assert "no-store" in page.headers["Cache-Control"]
    assert link not in admin.get("/people/").html
    client = Client()
    assert client.post(link).status_code == 302
    assert client.get("/runs/").status_code == 200
    ada = User.objects.get(username="ada")
    assert (ada.email, ada.is_staff, ada.is_superuser) == ("ada@example.org", False, False)
    assert role_of("ada") == "contributor"
    event = AuditEvent.objects.get()
    assert (event.user, event.action, event.subject) == (
        admin.user,
        "person.add",
        "ada as contributor",
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "bob"}, "bob is a member of team already"),
        ({"name": "BOB"}, "bob is a member of team already"),
        ({"name": "a b"}, "'a b' cannot be a name"),
        ({"name": "a/b"}, "'a/b' cannot be a name"),
        ({"name": ""}, "This field is required."),
        ({"email": "nowhere"}, "'nowhere' is no e-mail address."),
        ({"role": "king"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_said(
    admin: Visitor, bob: User, change: dict[str, str], sentence: str
) -> None:
    page = admin.post("/people/", ADD | change)
    assert page.status == 422
    assert sentence in page.text
    assert Membership.objects.filter(workspace__slug="main").count() == 3


def test_who_has_an_account_is_let_in_without_a_key_to_it(admin: Visitor, charlie: User) -> None:
    """An admin here must not be able to sign in as an admin of elsewhere."""
    answer = admin.post("/people/", ADD | {"name": "charlie"})
    assert (answer.status, answer.location) == (302, "/people/")
    assert "charlie has an account already" in admin.get("/people/").text
    assert role_of("charlie") == "contributor"
    refused = admin.post("/people/charlie/link/")
    assert refused.status == 403
    assert "charlie belongs to workspaces that you are no admin of" in refused.text
    assert not charlie.login_links.exists()


def test_a_new_link_for_a_colleague(admin: Visitor, bob: User) -> None:
    link = link_of(admin.post("/people/bob/link/"))
    client = Client()
    client.post(link)
    assert client.session["_auth_user_id"] == str(bob.pk)
    assert AuditEvent.objects.get().action == "person.link"


def test_only_the_owner_makes_a_key_to_the_owner(admin: Visitor, owner: Visitor) -> None:
    assert admin.post("/people/owner/link/").status == 403
    assert link_of(owner.post("/people/owner/link/"))


def test_a_role_changes(admin: Visitor, bob: User) -> None:
    assert admin.post("/people/bob/role/", {"role": "viewer"}).status == 302
    assert "bob is a viewer now." in admin.get("/people/").text
    assert role_of("bob") == "viewer"
    assert Visitor(bob).get("/submit/").status == 403
    assert AuditEvent.objects.get().subject == "bob to viewer"
    assert admin.post("/people/bob/role/", {"role": "king"}).status == 422


def test_a_member_is_removed_and_sees_nothing_any_more(admin: Visitor, bob: User) -> None:
    visitor = Visitor(bob)
    assert visitor.get("/runs/").status == 200
    assert "Remove bob from team?" in admin.get("/people/bob/remove/").text
    assert admin.post("/people/bob/remove/").status == 302
    assert visitor.get("/runs/").status == 404
    assert User.objects.filter(username="bob", is_active=True).exists()
    assert AuditEvent.objects.get().action == "person.remove"
    assert admin.post("/people/bob/remove/").status == 404


@pytest.mark.parametrize("path", ["/people/owner/remove/", "/people/owner/role/"])
def test_the_owner_stays(admin: Visitor, owner: Visitor, path: str) -> None:
    for visitor in (admin, owner):
        refused = visitor.post(path, {"role": "viewer"})
        assert refused.status == 403
        assert "owner owns this studio" in refused.text
    assert role_of("owner") == "admin"


@pytest.mark.parametrize("path", ["/people/charlie/remove/", "/people/charlie/role/"])
def test_the_last_admin_stays(stranger: Visitor, path: str) -> None:
    make_user("cora", workspace=Workspace.objects.get(slug="elsewhere"))
    refused = stranger.post(path, {"role": "viewer"})
    assert refused.status == 422
    assert "charlie is the last admin of elsewhere" in refused.text
    stranger.post("/people/cora/role/", {"role": "admin"})
    assert stranger.post(path, {"role": "viewer"}).status == 302


def test_the_page_takes_as_many_queries_for_many_as_for_few(
    admin: Visitor, workspace: Workspace
) -> None:
    few = queries(lambda: admin.get("/people/"))
    for number in range(12):
        make_user(f"u{number}", workspace=workspace)
    assert queries(lambda: admin.get("/people/")) == few < BUDGET


@pytest.mark.parametrize("path", ["/people/", "/people/bob/remove/", "/account/", "/welcome/"])
def test_nothing_on_a_page_breaks_the_policy(admin: Visitor, bob: User, path: str) -> None:
    page = admin.get(path)
    assert page.status == 200
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page.html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.html)


def test_last_seen_is_noted(admin: Visitor, member: Visitor) -> None:
    assert User.objects.get(username="bob").last_seen_at is None
    member.get("/runs/")
    seen = User.objects.get(username="bob").last_seen_at
    assert seen is not None
    member.get("/runs/")
    assert User.objects.get(username="bob").last_seen_at == seen
    assert "just now" in admin.get("/people/").text
