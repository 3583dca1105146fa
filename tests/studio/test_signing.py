"""Passwords beside links: the first offer, the sign-in page, the way back to the page wanted."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone

from studio.lib.refusal import Refused
from studio.models import AuditEvent, LoginLink, User
from studio.services import login_link_create, password_set
from tests.pages.visitor import Visitor

GOOD = "correct horse battery"
RUN = "/runs/7/log/?from=12"
FOREIGN = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\n//evil.example",
    "http:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    "http://testserver:81/",
]


@pytest.fixture
def link(bob: User) -> str:
    return f"/login/{login_link_create(user=bob)}/"


@pytest.fixture
def known(bob: User) -> User:
    """Bob with a password."""
    password_set(user=bob, password=GOOD)
    return bob


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def sign_in(client: Client, password: str = GOOD, **more: str) -> tuple[int, str]:
    fields = {"name": "bob", "password": password} | more
    answer = client.post("/sign-in/", fields)
    return answer.status_code, answer.headers.get("Location", "")


class TestOffer:
    def test_the_first_sign_in_offers_a_password(self, client: Client, link: str) -> None:
        page = client.post(link, follow=True)
        assert b"Set the password" in page.content
        answer = client.post("/welcome/?next=/", {"password": GOOD, "again": GOOD})
        assert (answer.status_code, answer.url) == (302, "/")
        assert signed_in(client)
        assert User.objects.get(username="bob").check_password(GOOD)
        assert AuditEvent.objects.get().action == "password.set"

    def test_it_can_be_skipped_and_is_made_once(self, client: Client, bob: User, link: str) -> None:
        page = client.post(f"{link}?next={RUN}", follow=True).content.decode()
        assert f'<a class="btn" href="{RUN}">Go on without one</a>' in page
        second = Client().post(f"/login/{login_link_create(user=bob)}/")
        assert second["Location"] == "/"
        assert not User.objects.get(username="bob").has_usable_password()

    def test_who_has_a_password_is_not_asked(self, client: Client, known: User) -> None:
        answer = client.post(f"/login/{login_link_create(user=known)}/")
        assert answer["Location"] == "/"
        assert client.get(f"/welcome/?next={RUN}")["Location"] == RUN
        # and nobody changes it there without the old one
        client.post("/welcome/", {"password": "another good one", "again": "another good one"})
        assert User.objects.get(username="bob").check_password(GOOD)

    def test_it_is_for_who_is_signed_in(self, client: Client, db: None) -> None:
        assert client.get("/welcome/")["Location"].startswith("/sign-in/")

    @pytest.mark.parametrize(
        ("password", "sentence"),
        [
            ("short", "This password is too short. It must contain at least 8 characters."),
            ("83920174655", "This password is entirely numeric."),
            ("password123", "This password is too common."),
            ("bob12345678", "The password is too similar to the username."),
        ],
    )
    def test_a_weak_one_is_refused_with_a_sentence(
        self, client: Client, bob: User, link: str, password: str, sentence: str
    ) -> None:
        User.objects.filter(pk=bob.pk).update(username="bob1234567")
        client.post(link)
        page = client.post("/welcome/", {"password": password, "again": password})
        assert page.status_code == 422
        assert sentence in page.content.decode()
        assert not User.objects.get(pk=bob.pk).has_usable_password()

    def test_two_that_differ_are_refused(self, client: Client, link: str) -> None:
        client.post(link)
        page = client.post("/welcome/", {"password": GOOD, "again": f"{GOOD}!"})
        assert page.status_code == 422
        assert b"The two new passwords differ" in page.content


class TestPassword:
    def test_name_and_password_sign_in_and_lead_on(self, client: Client, known: User) -> None:
        assert sign_in(client, next=RUN) == (302, RUN)
        assert client.session["_auth_user_id"] == str(known.pk)

    def test_the_session_gets_a_new_key(self, client: Client, known: User) -> None:
        client.get("/sign-in/")
        session = client.session
        session["planted"] = True
        session.save()
        planted = session.session_key
        sign_in(client)
        assert client.session.session_key != planted
        assert not client.session.exists(planted)

    @pytest.mark.parametrize(
        "fields",
        [
            {"password": "wrong"},
            {"name": "nobody"},
            {"name": "Bob"},
            {"password": ""},
            {"name": ""},
            {"name": "bob\0"},
            {"name": "b" * 151},
            {"password": "x" * 5000},
        ],
    )
    def test_anything_else_does_not(
        self, client: Client, known: User, fields: dict[str, str]
    ) -> None:
        assert sign_in(client, **fields) == (422, "")
        assert not signed_in(client)

    def test_a_wrong_name_is_told_no_more_than_a_wrong_password(
        self, client: Client, known: User
    ) -> None:
        for fields in ({"name": "bob", "password": "x"}, {"name": "eve", "password": "x"}):
            page = client.post("/sign-in/", fields)
            assert b"The name or the password is wrong." in page.content

    def test_who_has_no_password_or_left_does_not_enter(self, client: Client, bob: User) -> None:
        assert sign_in(client) == (422, "")
        password_set(user=bob, password=GOOD)
        User.objects.filter(pk=bob.pk).update(is_active=False)
        assert sign_in(client) == (422, "")

    def test_the_form_needs_our_own_page(self, known: User) -> None:
        client = Client(enforce_csrf_checks=True)
        assert sign_in(client)[0] == 403

    def test_no_password_is_kept_or_shown(self, client: Client, known: User) -> None:
        page = client.post("/sign-in/", {"name": "bob", "password": "wr0ng-secret"})
        assert b"wr0ng-secret" not in page.content
        assert "wr0ng-secret" not in str(list(AccessAttempt.objects.values()))
        assert GOOD not in str(list(User.objects.values()))

    def test_a_new_one_ends_unused_links(self, bob: User, client: Client) -> None:
        path = f"/login/{login_link_create(user=bob)}/"
        password_set(user=bob, password=GOOD)
        assert client.post(path).status_code == 410

    def test_a_weak_one_changes_nothing(self, known: User) -> None:
        with pytest.raises(Refused, match="too short"):
            password_set(user=known, password="abc")
        assert User.objects.get(pk=known.pk).check_password(GOOD)


class TestGuessing:
    def guess(self, client: Client, times: int, **more: str) -> list[int]:
        return [sign_in(client, "wrong", **more)[0] for _ in range(times)]

    def test_five_wrong_ones_lock_the_name_for_this_address(
        self, client: Client, known: User
    ) -> None:
        assert self.guess(client, 5) == [422] * 4 + [429]
        page = client.post("/sign-in/", {"name": "bob", "password": GOOD})
        assert page.status_code == 429
        assert b"wait 15 minutes, or sign in with a link" in page.content
        assert not signed_in(client)

    def test_neither_another_browser_nor_another_session_helps(self, known: User) -> None:
        self.guess(Client(), 5)
        assert sign_in(Client(headers={"User-Agent": "another"}))[0] == 429

    def test_a_forged_address_does_not_help(self, known: User) -> None:
        self.guess(Client(), 5)
        assert sign_in(Client(headers={"X-Forwarded-For": "203.0.113.5"}))[0] == 429

    def test_others_are_not_locked_out_by_it(self, known: User, vera: User) -> None:
        password_set(user=vera, password=GOOD)
        self.guess(Client(), 5)
        elsewhere = Client(REMOTE_ADDR="203.0.113.5")
        assert sign_in(elsewhere) == (302, "/")
        assert sign_in(Client(), name="vera") == (302, "/")

    def test_a_link_still_works(self, client: Client, known: User) -> None:
        self.guess(client, 5)
        assert client.post(f"/login/{login_link_create(user=known)}/").status_code == 302
        assert signed_in(client)

    def test_it_ends_after_a_quarter_of_an_hour(self, client: Client, known: User) -> None:
        self.guess(client, 5)
        old = timezone.now() - timedelta(minutes=14)
        AccessAttempt.objects.update(attempt_time=old)
        assert sign_in(client)[0] == 429
        AccessAttempt.objects.update(attempt_time=old - timedelta(minutes=2))
        assert sign_in(client) == (302, "/")

    def test_a_right_one_forgets_the_wrong_ones(self, client: Client, known: User) -> None:
        self.guess(client, 4)
        assert sign_in(client) == (302, "/")
        assert self.guess(Client(), 4) == [422] * 4

    def test_the_old_password_on_the_account_page_is_guarded_too(self, known: User) -> None:
        thief = Visitor(known)
        form = {"old": "guess", "password": "another good one", "again": "another good one"}
        pages = [thief.post("/account/password/", form) for _ in range(5)]
        assert "This is not your password now." in pages[0].text
        assert "wait 15 minutes" in pages[4].text
        assert thief.post("/account/password/", form | {"old": GOOD}).status == 422
        assert User.objects.get(pk=known.pk).check_password(GOOD)


class TestNext:
    """Where one wanted to go survives each way in; nothing leads to somebody else's page."""

    def test_through_the_link_and_the_offer(self, client: Client, link: str) -> None:
        first = client.get(RUN, follow=True)
        assert first.redirect_chain[-1][0].startswith("/sign-in/?next=")
        answer = client.post(link)  # it comes from a terminal: it knows no page
        offer = urlsplit(answer["Location"])
        assert (offer.path, parse_qs(offer.query)) == ("/welcome/", {"next": [RUN]})
        page = client.get(answer["Location"]).content.decode()
        assert f'name="next" value="{RUN}"' in page
        done = client.post("/welcome/", {"password": GOOD, "again": GOOD, "next": RUN})
        assert done["Location"] == RUN

    def test_through_a_wrong_password(self, client: Client, known: User) -> None:
        first = client.get(RUN, follow=True)
        assert f'name="next" value="{RUN}"' in first.content.decode()
        page = client.post("/sign-in/", {"name": "bob", "password": "wrong", "next": RUN})
        assert f'name="next" value="{RUN}"' in page.content.decode()
        assert sign_in(client, next=RUN) == (302, RUN)

    @pytest.mark.parametrize("foreign", FOREIGN)
    def test_it_leads_nowhere_else(
        self, client: Client, known: User, link: str, foreign: str
    ) -> None:
        page = client.get("/sign-in/", {"next": foreign})
        assert 'name="next" value="/"' in page.content.decode()
        assert sign_in(client, next=foreign) == (302, "/")
        assert client.get("/sign-in/", {"next": foreign})["Location"] == "/"
        assert client.get("/welcome/", {"next": foreign})["Location"] == "/"
        LoginLink.objects.update(expires_at=timezone.now() + timedelta(hours=1))
        other = Client()
        other.cookies["runyard_next"] = foreign
        assert other.post(link, {"next": foreign})["Location"] == "/"

    @pytest.mark.parametrize("foreign", FOREIGN)
    def test_nor_does_the_offer(self, client: Client, link: str, foreign: str) -> None:
        assert client.post(link, {"next": foreign})["Location"] == "/welcome/?next=%2F"
        page = client.get("/welcome/", {"next": foreign}).content.decode()
        assert '<a class="btn" href="/">Go on without one</a>' in page
        form = {"password": GOOD, "again": GOOD, "next": foreign}
        assert client.post("/welcome/", form)["Location"] == "/"

    def test_the_cookie_alone_leads_nowhere_else(self, client: Client, link: str) -> None:
        client.cookies["runyard_next"] = "https://evil.example/"
        assert client.post(link)["Location"] == "/welcome/?next=%2F"
