"""Addresses of repositories: few kinds are used, and none of them carries a secret."""

from __future__ import annotations

import pytest

from runs.giturls import HTTPS, LOCAL, SSH, Address, GitRefused, read_address
from tests.runs.sources import one_sentence


@pytest.mark.parametrize(
    ("url", "kind", "host", "user", "name"),
    [
        ("https://example.org/team/ridge", HTTPS, "example.org", "", "ridge"),
        (" https://Example.org:443/ridge.git ", HTTPS, "example.org", "", "ridge"),
        ("https://example.org:8443/a/b.git/", HTTPS, "example.org:8443", "", "b"),
        ("https://[::1]:8443/r", HTTPS, "[::1]:8443", "", "r"),
        ("ssh://git@example.org/ridge.git", SSH, "example.org", "git", "ridge"),
        ("ssh://example.org:2222/srv/ridge", SSH, "example.org:2222", "", "ridge"),
        ("git@example.org:team/ridge.git", SSH, "example.org", "git", "ridge"),
        ("/srv/code/ridge", LOCAL, "", "", "ridge"),
        ("/srv/code/ridge/.git", LOCAL, "", "", "ridge"),
        ("file:///srv/my%20code/ridge.git", LOCAL, "", "", "ridge"),
    ],
)
def test_what_is_used(url: str, kind: str, host: str, user: str, name: str) -> None:
    address = read_address(url)
    assert (address.kind, address.host, address.user, address.name) == (kind, host, user, name)


def test_a_local_address_is_a_path() -> None:
    assert read_address("file:///srv/my%20code") == Address(
        "file:///srv/my%20code", LOCAL, path="/srv/my code"
    )


def refused(url: str) -> str:
    with pytest.raises(GitRefused) as caught:
        read_address(url)
    return one_sentence(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "No repository was named"),
        ("ext::sh -c touch% /tmp/x", "ext:: are not used"),
        ("ext::ssh user@host:x", "ext:: are not used"),
        ("EXT::sh", "EXT:: are not used"),
        ("fd::17", "fd:: are not used"),
        ("http::https://example.org/x", "http:: are not used"),
        ("ftp://example.org/x", "ftp:// are not used"),
        ("http://example.org/x", "in the clear"),
        ("git://example.org/x", "in the clear"),
        ("--upload-pack=touch /tmp/x", "is an option"),
        ("-oProxyCommand=x@host:path", "is an option"),
        ("ssh://-oProxyCommand=x/path", "no address"),
        ("ssh://git@-oProxyCommand=x/path", "no address"),
        ("git@-oProxyCommand=x:path", "no address"),
        ("git@example.org:-oProxyCommand", "no address"),
        ("-x@example.org:path", "is an option"),
        ("https://-x/path", "no address"),
        ("https://example.org", "no address"),
        ("https:///path", "no address"),
        ("example.org:path", "no address"),
        ("relative/path", "no address"),
        ("https://example.org/a\nhost=evil", "control character"),
        ("https://example.org/a%0ahost=evil", "control character"),
        ("ssh://git@example.org/a\0b", "control character"),
        ("https://example.org/" + "x" * 1000, "longer than"),
    ],
)
def test_what_is_not_used_is_refused(url: str, words: str) -> None:
    assert words in refused(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:hush@example.org/x",
        "https://hush@example.org/x",
        "HTTPS://hush@example.org/x",
        "http://ada:hush@example.org/x",
        "ssh://git:hush@example.org/x",
        "https://example.org/x?private_token=hush",
        "https://example.org/x#hush",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    sentence = refused(url)
    assert "under Git credentials" in sentence
    assert "hush" not in sentence
