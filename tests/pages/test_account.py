"""One's own page: the password, and the tokens that one made."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from studio.models import ApiToken, AuditEvent, User
from studio.services import login_link_create, password_set, token_create, token_use
from tests.factories import make_user
from tests.pages.visitor import Page, Visitor

OLD, NEW = "correct horse battery", "another good one"
CHANGE = {"old": OLD, "password": NEW, "again": NEW}
EVERYBODY = ["owner", "member", "viewer", "stranger"]


@pytest.fixture
def known(bob: User) -> User:
    password_set(user=bob, password=OLD)
    return bob


def secret_of(page: Page) -> str:
    found = re.search(r'id="new-token">(ry_[\w-]+)<', page.html)
    assert found, page.text
    return found[1]


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_has_their_own(who: str, alice: User, request: pytest.FixtureRequest) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    token_create(user=alice, name="of alice")
    page = visitor.get("/account/")
    assert page.status == 200
    assert ("of alice" in page.text) is (who == "owner")
    assert "no-store" in page.headers["Cache-Control"]
    form = {"name": "laptop", "scope": "read", "days": "30"}
    made = visitor.post("/account/tokens/", form)
    assert made.status == 200
    found = token_use(secret=secret_of(made))
    assert found is not None
    assert (found.user, found.scope) == (visitor.user, "read")


def test_who_is_in_no_workspace_has_one_too(db: None) -> None:
    assert Visitor(make_user("lonely")).get("/account/").status == 200


@pytest.mark.parametrize(
    "path", ["/account/password/", "/account/tokens/", "/account/tokens/1/revoke/"]
)
def test_nobody_signs_in_first(nobody: Visitor, path: str) -> None:
    assert nobody.post(path).location == f"/sign-in/?next={path}"


class TestPassword:
    def test_without_one_it_is_set_and_one_stays_signed_in(self, member: Visitor) -> None:
        assert "Password now" not in member.get("/account/").text
        answer = member.post("/account/password/", {"password": NEW, "again": NEW})
        assert (answer.status, answer.location) == (302, "/account/")
        page = member.get("/account/")
        assert page.status == 200
        assert "Your password is set" in page.text
        assert "Password now" in page.text

    def test_changing_it_needs_the_old_one(self, known: User) -> None:
        visitor = Visitor(known)
        refused = visitor.post("/account/password/", CHANGE | {"old": "wrong"})
        assert refused.status == 422
        assert "This is not your password now." in refused.text
        assert visitor.post("/account/password/", {"password": NEW, "again": NEW}).status == 422
        assert User.objects.get(pk=known.pk).check_password(OLD)
        assert visitor.post("/account/password/", CHANGE).status == 302
        assert User.objects.get(pk=known.pk).check_password(NEW)

    def test_sessions_elsewhere_end_and_this_one_goes_on(self, known: User) -> None:
        here, elsewhere = Visitor(known), Visitor(known)
        before = here.client.session.session_key
        assert elsewhere.get("/account/").status == 200
        here.post("/account/password/", CHANGE)
        assert here.get("/account/").status == 200
        assert here.client.session.session_key != before
        assert elsewhere.get("/account/").location == "/sign-in/?next=/account/"

    def test_tokens_go_on(self, known: User) -> None:
        secret = token_create(user=known, name="laptop")
        Visitor(known).post("/account/password/", CHANGE)
        assert token_use(secret=secret) is not None

    def test_who_forgot_it_comes_by_a_link_and_sets_another(self, known: User) -> None:
        client = Client()
        client.post(f"/login/{login_link_create(user=known)}/")
        assert b"Password now" not in client.get("/account/").content
        client.post("/account/password/", {"password": NEW, "again": NEW})
        assert User.objects.get(pk=known.pk).check_password(NEW)

    def test_a_link_of_long_ago_does_not_count(self, known: User) -> None:
        client = Client()
        client.post(f"/login/{login_link_create(user=known)}/")
        session = client.session
        session["signed_in_by_link_at"] -= 3601
        session.save()
        client.post("/account/password/", {"password": NEW, "again": NEW})
        assert User.objects.get(pk=known.pk).check_password(OLD)

    def test_a_weak_one_is_refused(self, member: Visitor) -> None:
        page = member.post("/account/password/", {"password": "12345678", "again": "12345678"})
        assert page.status == 422
        assert "This password is entirely numeric." in page.text


class TestTokens:
    def test_one_is_shown_once(self, member: Visitor) -> None:
        made = member.post("/account/tokens/", {"name": "x", "scope": "submit", "days": "90"})
        secret = secret_of(made)
        assert "no-store" in made.headers["Cache-Control"]
        assert secret not in member.get("/account/").html
        assert secret not in str(list(ApiToken.objects.values()))
        assert secret not in str(list(AuditEvent.objects.values()))
        token = ApiToken.objects.get()
        assert token.expires_at is not None
        assert round((token.expires_at - token.created_at).total_seconds() / 86400) == 90

    def test_sending_the_form_again_makes_no_second_one(self, member: Visitor) -> None:
        form = {"name": "x", "scope": "submit", "days": ""}
        member.post("/account/tokens/", form)
        again = member.post("/account/tokens/", form)
        assert again.status == 422
        assert "You have a token named 'x'" in again.text
        assert ApiToken.objects.get().expires_at is None

    @pytest.mark.parametrize("change", [{"name": ""}, {"scope": "all"}, {"days": "0"}])
    def test_what_cannot_be_is_refused(self, member: Visitor, change: dict[str, str]) -> None:
        form = {"name": "x", "scope": "submit", "days": "90"} | change
        assert member.post("/account/tokens/", form).status == 422
        assert not ApiToken.objects.exists()

    def test_one_revokes_ones_own_only(self, member: Visitor, stranger: Visitor) -> None:
        secret = secret_of(
            member.post("/account/tokens/", {"name": "x", "scope": "admin", "days": "7"})
        )
        path = f"/account/tokens/{ApiToken.objects.get().pk}/revoke/"
        assert stranger.post(path).status == 404
        assert member.get(path).status == 405
        assert token_use(secret=secret) is not None
        assert member.post(path).status == 302
        assert token_use(secret=secret) is None
        assert "The token 'x' is revoked." in member.get("/account/").text
