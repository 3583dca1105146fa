"""The page of notices: one's own, with a secret that is shown once."""

from __future__ import annotations

import html
import re

import pytest

from runs.models import Delivery, Notices, Run
from studio.lib.vault import decrypt
from studio.models import User
from tests.pages.conftest import end
from tests.pages.visitor import Visitor

URL = "https://hooks.example.org/path?key=mine"


def save(visitor: Visitor, **fields: str) -> tuple[int, str]:
    page = visitor.post("/notices/", fields)
    return page.status, html.unescape(page.html)


def test_a_webhooks_secret_is_shown_once(member: Visitor, bob: User) -> None:
    status, text = save(member, webhook_url=URL)
    assert status == 200
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", text)[0]  # type: ignore[index]
    assert decrypt(Notices.objects.get(user=bob).secret_key) == secret
    later = member.get("/notices/")
    assert "whsec_" not in later.html
    assert "key=mine" not in later.html
    assert "Goes to hooks.example.org. Leave this empty to keep it." in later.text
    assert "no-store" in later.headers["Cache-Control"]


def test_saving_the_rest_keeps_the_webhook(member: Visitor, bob: User) -> None:
    save(member, webhook_url=URL)
    before = Notices.objects.get(user=bob)
    assert save(member, only_failures="1", email="bob@example.org")[0] == 302
    after = Notices.objects.get(user=bob)
    assert (after.only_failures, after.email) == (True, "bob@example.org")
    assert (after.secret_key, after.secret_url) == (before.secret_key, before.secret_url)
    page = member.get("/notices/")
    assert 'value="bob@example.org"' in page.html
    assert re.search(r'<option value="1"\s+selected', page.html)
    save(member, email="", remove_webhook="on")
    gone = Notices.objects.get(user=bob)
    assert (gone.webhook_host, gone.secret_url, gone.secret_key, gone.email) == ("",) * 4


def test_a_new_secret(member: Visitor, bob: User) -> None:
    save(member, webhook_url=URL)
    old = decrypt(Notices.objects.get(user=bob).secret_key)
    page = member.post("/notices/secret/")
    new = decrypt(Notices.objects.get(user=bob).secret_key)
    assert new != old
    assert new in html.unescape(page.html)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("webhook_url", "http://169.254.169.254/", "not a public address"),
        ("webhook_url", "nonsense", "write it like https://hooks.example.org/path"),
        ("email", "bob", "'bob' is no e-mail address"),
        ("only_failures", "2", "Select a valid choice"),
    ],
)
def test_a_mistake_is_said_beside_its_field(
    field: str, value: str, said: str, member: Visitor
) -> None:
    status, text = save(member, **{field: value})
    assert status == 422
    problem = re.search(rf'id="id_{field}-problem">([^<]*)', text)
    assert problem
    assert said in problem[1]
    assert not Notices.objects.exists()


def test_a_test_is_listed(member: Visitor, bob: User) -> None:
    assert "Send a test" not in member.get("/notices/").text
    assert member.post("/notices/test/", {"channel": "webhook"}).status == 422
    save(member, webhook_url=URL)
    assert "Send a test to the webhook" in member.get("/notices/").text
    assert member.post("/notices/test/", {"channel": "webhook"}).status == 302
    page = member.get("/notices/live/")
    assert "a test webhook on its way" in page.text


def test_without_a_mail_server_the_page_says_so(member: Visitor, settings: object) -> None:
    settings.SENDS_EMAIL = False  # type: ignore[attr-defined]
    assert "the owner of this studio has set no mail server" in member.get("/notices/").text
    settings.SENDS_EMAIL = True  # type: ignore[attr-defined]
    assert "no mail server" not in member.get("/notices/").text


def test_everybody_sees_their_own(
    member: Visitor, owner: Visitor, viewer: Visitor, stranger: Visitor, bob: User, told: Run
) -> None:
    save(member, webhook_url=URL, email="bob@example.org")
    Delivery.objects.create(user=bob, run=told, channel="webhook", uid="1", answer="hello 200")
    assert "hello 200" in member.get("/notices/").text
    for other in (owner, viewer, stranger):
        for path in ("/notices/", "/notices/live/"):
            page = other.get(path)
            assert page.status == 200
            assert not re.search(r"hello 200|bob@|hooks.example.org\.", page.html)


def test_what_was_told_stands_among_the_events_but_is_not_the_ending(
    member: Visitor, told: Run
) -> None:
    end(told, "failed", "exited_nonzero", "Mend the script.")
    told.events.create(kind="notice", text="Webhook to bob: x.org answered 200.")
    assert "x.org answered 200" in member.get(f"/runs/{told.pk}/events/").text
    overview = member.get(f"/runs/{told.pk}/").text
    assert "Mend the script." in overview
    assert "x.org" not in overview
