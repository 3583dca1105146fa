"""Which addresses of git repositories are used at all, and what they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

HTTPS, SSH, LOCAL = "https", "ssh", "local"

_PORTS = {HTTPS: 443, SSH: 22}
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_HTTPS = re.compile(rf"https://(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?/(?P<path>[^?#]+)")
_SSH = re.compile(
    rf"ssh://(?:(?P<user>{_NAME})@)?(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?/(?P<path>.+)"
)
_SCP = re.compile(rf"(?P<user>{_NAME})@(?P<host>{_HOST}):(?P<path>(?!-|//).+)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|::)")
_MAX_LENGTH = 1000


class GitRefused(Exception):
    """A repository cannot be used as asked; the text is one sentence for the person."""


@dataclass(frozen=True)
class Address:
    """Where a repository lies; the text of it holds no secret."""

    url: str
    kind: str
    """HTTPS, SSH or LOCAL."""
    host: str = ""
    """With its port, unless that is the usual one; empty for a repository on this machine."""
    user: str = ""
    path: str = ""

    @property
    def argument(self) -> str:
        """As git is told."""
        return self.path if self.kind == LOCAL else self.url

    @property
    def name(self) -> str:
        """What the repository is called: the last part of its path."""
        return re.sub(r"(/?\.git)?/*$", "", self.path).rpartition("/")[2]


def read_address(url: str) -> Address:
    """What an address means.

    Raises:
        GitRefused: it is none that is used; the sentence says which are.
    """
    url = url.strip()
    _check_text(url)
    local = url.removeprefix("file://")
    if local.startswith("/"):
        return Address(url, LOCAL, path=unquote(local) if local != url else local)
    _check_no_secret(url)
    for kind, pattern in ((HTTPS, _HTTPS), (SSH, _SSH), (SSH, _SCP)):
        match = pattern.fullmatch(url)
        if match:
            parts = match.groupdict()
            host = host_name(parts["host"], parts.get("port"), kind)
            return Address(url, kind, host, parts.get("user") or "", parts["path"])
    raise GitRefused(_what_else(url))


def host_name(host: str, port: str | None, kind: str) -> str:
    """A host as it is compared: in small letters, with its port unless that is the usual one."""
    usual = not port or int(port) == _PORTS[kind]
    return host.lower() if usual else f"{host.lower()}:{int(port or 0)}"


def _check_text(url: str) -> None:
    if not url:
        raise GitRefused("No repository was named: give its address, like https://host/group/name.")
    if len(url) > _MAX_LENGTH:
        raise GitRefused(f"The address is longer than {_MAX_LENGTH:,} characters: shorten it.")
    if not unquote(url).isprintable():
        raise GitRefused("The address holds a control character: copy it once more.")
    if url.startswith("-"):
        raise GitRefused(f"'{url[:80]}' is an option and no address: {_WHICH}")


def _check_no_secret(url: str) -> None:
    """Refuse an address that carries a secret, without repeating it."""
    scheme, found, rest = url.partition("://")
    if not found:
        return
    user, at, _ = rest.partition("/")[0].rpartition("@")
    is_secret = at and (":" in user or not scheme.lower().endswith("ssh"))
    if is_secret or (scheme.lower() == HTTPS and re.search(r"[?#]", rest)):
        raise GitRefused(
            "The address holds a user name, password or token: take it out, and let an admin of "
            "the workspace add it under Git credentials, where it is kept encrypted."
        )


def _what_else(url: str) -> str:
    scheme = _SCHEME.match(url)
    if scheme and scheme[1].lower() in {"http", "git"} and scheme[2] == "://":
        return f"{scheme[1].lower()}:// sends everything in the clear: use https:// or ssh://."
    if scheme and scheme[1].lower() not in _PORTS:
        return f"Addresses with {scheme[1]}{scheme[2]} are not used: {_WHICH}"
    return f"'{url[:200]}' is no address of a repository: {_WHICH}"


_WHICH = (
    "write https://host/path, ssh://user@host/path, user@host:path, or the absolute path of a "
    "repository on the studio's machine."
)
