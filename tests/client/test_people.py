"""`runyard link`, `token` and `people` against a real web server."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.test import Client

from studio.models import ApiToken, Membership, User
from studio.services import token_use
from tests.api.caller import Caller
from tests.client.test_command import Here, here

__all__ = ["here"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_owner(url: str, alice: User, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """The command line speaks for the owner."""
    caller = Caller(alice)
    monkeypatch.setenv("RUNYARD_URL", url)
    monkeypatch.setenv("RUNYARD_TOKEN", caller.token)
    return caller


def enters(link: str) -> str:
    """Whom a link signs in."""
    client = Client()
    client.post(urlsplit(link.strip()).path)
    return User.objects.get(pk=client.session["_auth_user_id"]).username


def test_a_link_for_oneself(here: Here, as_bob: Caller, url: str) -> None:
    said = here("link")
    assert said.code == 0
    assert said.out.startswith(f"{url}/login/")
    assert enters(said.out) == "bob"
    assert enters(here("link", "--json").json["link"]) == "bob"


def test_a_link_for_a_colleague(here: Here, as_owner: Caller, vera: User) -> None:
    assert enters(here("link", "vera").out) == "vera"
    assert "team has no member 'x y'." in here("link", "x y").err


def test_only_admins_make_links_for_others(here: Here, as_bob: Caller, vera: User) -> None:
    said = here("link", "vera")
    assert (said.code, said.out) == (1, "")
    assert "You are a contributor of team; this needs an admin" in said.err


def test_a_colleague_comes_changes_and_goes(here: Here, as_owner: Caller) -> None:
    added = here("people", "add", "ada", "--role", "viewer", "--email", "ada@example.org")
    assert "ada signs in with this link, once" in added.err
    assert enters(added.out) == "ada"
    listed = here("people").out.splitlines()
    assert listed[0].split() == ["NAME", "ROLE", "LAST", "SEEN", "E-MAIL"]
    assert listed[1].split() == ["ada", "viewer", "ada@example.org"]
    assert "owner" in listed[2]
    assert here("people", "role", "ada", "admin").out == "ada is admin now.\n"
    assert Membership.objects.get(user__username="ada").role == "admin"
    assert here("people", "remove", "ada").out == "ada is removed.\n"
    assert [person["name"] for person in here("people", "list", "--json").json] == ["owner"]
    assert "owner owns this studio" in here("people", "remove", "owner").err


def test_who_has_an_account_gets_no_link(here: Here, as_owner: Caller, charlie: User) -> None:
    assert "has an account already" in here("people", "add", "charlie").out


@pytest.mark.parametrize(
    "words",
    [
        ("people", "add"),
        ("people", "role", "ada"),
        ("people", "list", "ada"),
        ("people", "remove", "a", "b"),
        ("people", "fire", "ada"),
        ("token", "create"),
        ("token", "list", "x"),
        ("token", "create", "x", "--scope", "all"),
        ("token", "create", "x", "--days", "3", "--never-ends"),
    ],
)
def test_words_that_are_missing_or_too_many(
    here: Here, as_bob: Caller, words: tuple[str, ...]
) -> None:
    said = here(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"usage: runyard {words[0]}")


def test_tokens_are_made_listed_and_revoked(here: Here, as_bob: Caller, bob: User) -> None:
    made = here("token", "create", "nightly", "--days", "7")
    found = token_use(secret=made.out.strip())
    assert found is not None
    assert (found.user, found.scope) == (bob, "submit")
    assert found.expires_at is not None
    header, first, second = here("token").out.splitlines()
    assert header.split() == ["ID", "NAME", "SCOPE", "ENDS", "LAST", "USED"]
    assert first.split()[:3] == [str(found.pk), "nightly", "submit"]
    assert second.split()[1:4] == ["test", "admin", "never"]
    assert made.out.strip() not in here("token", "--json").out
    assert here("token", "revoke", str(found.pk)).out == f"Token {found.pk} is revoked.\n"
    assert token_use(secret=made.out.strip()) is None
    assert "You have no token" in here("token", "revoke", str(found.pk)).err
    assert here("token", "revoke", "nightly").code == 1
    here("token", "create", "for ever", "--never-ends", "--scope", "read")
    assert ApiToken.objects.get(name="for ever").expires_at is None


def test_a_smaller_token_is_told_what_it_lacks(
    here: Here, as_bob: Caller, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_TOKEN", Caller(bob, scope="submit").token)
    for words in (("link",), ("token", "create", "x"), ("people", "add", "x")):
        said = here(*words)
        assert said.code == 1
        assert "This token may only read and submit: make one with a wider scope." in said.err
