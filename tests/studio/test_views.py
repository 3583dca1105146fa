"""Signing in and out in a browser, and what every page of ours carries."""

from __future__ import annotations

import pytest
from django.test import AsyncClient, Client

from studio.csp import POLICY
from studio.models import AuditEvent, LoginLink, User, Workspace
from studio.services import login_link_create, token_create


@pytest.fixture
def link(bob: User) -> str:
    return f"/login/{login_link_create(user=bob)}/"


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


class TestLink:
    def test_opening_it_shows_a_button_and_uses_nothing_up(self, client: Client, link: str) -> None:
        for _ in range(2):
            page = client.get(link)
            assert b"used up by the button" in page.content
            assert "no-store" in page["Cache-Control"]
        assert not signed_in(client)
        assert LoginLink.objects.get().used_at is None

    def test_the_button_signs_in_once(self, client: Client, link: str) -> None:
        answer = client.post(link)
        assert (answer.status_code, answer.url) == (302, "/welcome/?next=%2F")
        assert signed_in(client)
        other = Client()
        refused = other.post(link)
        assert refused.status_code == 410
        assert b"used already or is too old" in refused.content
        assert not signed_in(other)

    def test_the_button_needs_our_own_page(self, link: str) -> None:
        client = Client(enforce_csrf_checks=True)
        assert client.post(link).status_code == 403
        assert LoginLink.objects.get().used_at is None

    def test_a_wrong_link_is_refused_with_a_sentence(self, client: Client, db: None) -> None:
        assert client.post("/login/guessed/").status_code == 410

    def test_it_leads_to_where_the_person_wanted_to_go(self, client: Client, link: str) -> None:
        first = client.get("/runs/?status=failed", follow=True)
        assert first.redirect_chain[-1][0] == "/sign-in/?next=/runs/%3Fstatus%3Dfailed"
        assert 'name="next" value="/runs/?status=failed"' in client.get(link).content.decode()
        assert client.post(link).url == "/welcome/?next=%2Fruns%2F%3Fstatus%3Dfailed"
        assert client.cookies["runyard_next"].value == ""


class TestSignIn:
    def test_the_page_says_how_to_get_a_link(self, client: Client, db: None) -> None:
        assert b"manage.py login_link" in client.get("/sign-in/").content

    def test_who_is_signed_in_goes_on(self, client: Client, bob: User) -> None:
        client.force_login(bob)
        assert client.get("/sign-in/?next=/runs/").url == "/runs/"

    def test_signing_out_needs_the_button(self, client: Client, bob: User) -> None:
        client.force_login(bob)
        assert client.get("/sign-out/").status_code == 405
        assert signed_in(client)
        assert client.post("/sign-out/").url == "/sign-in/"
        assert not signed_in(client)


class TestAdmin:
    @pytest.fixture
    def owner(self, client: Client, alice: User) -> Client:
        client.force_login(alice)
        return client

    def test_it_has_no_door_of_its_own(self, client: Client, db: None) -> None:
        answer = client.get("/admin/", follow=True)
        assert answer.redirect_chain[-1][0] == "/sign-in/?next=%2Fadmin%2F"

    @pytest.mark.parametrize("model", ["apitoken", "loginlink"])
    def test_keys_are_never_shown_nor_made_there(
        self, owner: Client, alice: User, model: str
    ) -> None:
        token_create(user=alice, name="laptop")
        login_link_create(user=alice)
        row = (alice.tokens if model == "apitoken" else alice.login_links).get()
        page = owner.get(f"/admin/studio/{model}/{row.pk}/change/")
        assert page.status_code == 200
        assert row.digest not in page.content.decode()
        assert owner.get(f"/admin/studio/{model}/add/").status_code == 403

    def test_the_audit_cannot_be_rewritten(
        self, owner: Client, alice: User, workspace: Workspace
    ) -> None:
        event = AuditEvent.objects.create(user=alice, workspace=workspace, action="x", subject="y")
        assert owner.post(f"/admin/studio/auditevent/{event.pk}/delete/").status_code == 403


class TestPolicy:
    @pytest.mark.parametrize("path", ["/sign-in/", "/healthz", "/nowhere/", "/api/v1/me"])
    def test_every_answer_carries_it(self, client: Client, db: None, path: str) -> None:
        assert client.get(path)["Content-Security-Policy"] == POLICY

    def test_nothing_inline_or_foreign_is_allowed(self) -> None:
        assert "unsafe" not in POLICY
        assert "http" not in POLICY

    @pytest.mark.django_db
    async def test_async_answers_carry_it_too(self, async_client: AsyncClient) -> None:
        answer = await async_client.get("/healthz")
        assert answer["Content-Security-Policy"] == POLICY

    def test_no_page_can_be_framed(self, client: Client, db: None) -> None:
        assert client.get("/sign-in/")["X-Frame-Options"] == "DENY"
