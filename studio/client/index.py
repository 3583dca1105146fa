"""`runyard index`: where the packages of a workspace come from."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from studio.client.asking import value_of
from studio.client.errors import NotFound
from studio.client.http import Connection, with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import moment, table

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_USAGE = """runyard index show
       runyard index set URL [--extra URL …] [--authority FILE | --no-authority]
       runyard index login URL [--username U] [--file FILE | --env VARIABLE]
       runyard index logout URL
       runyard index check
       runyard index remove"""
_WITH_URL = ("set", "login", "logout")


def run(argv: Sequence[str]) -> int:
    """Show or change it; a password is asked for, piped in, or read from a file or a variable."""
    parser = _parser()
    asked = parser.parse(argv)
    if (asked.url is None) == (asked.action in _WITH_URL):
        parser.error(f"{', '.join(_WITH_URL)} take a URL, the others none")
    actions = {"show": _show, "set": _set, "login": _login, "logout": _logout,
               "check": _check, "remove": _remove}  # fmt: skip
    return actions[asked.action](connect(), asked, parser)


def _parser() -> Parser:
    parser = Parser("index", "Where the packages of a workspace come from.", usage=_USAGE)
    parser.add_argument("action", choices=["show", "check", "remove", *_WITH_URL])
    parser.add_argument("url", metavar="URL", nargs="?")
    parser.add_argument(
        "--extra",
        metavar="URL",
        action="append",
        default=[],
        help="asked before it; what is not named is asked no more",
    )
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument(
        "--authority",
        metavar="FILE",
        help="certificates to trust beside the usual ones, in PEM form; else those stay",
    )
    trust.add_argument("--no-authority", action="store_true", help="trust the usual ones alone")
    parser.add_argument("--username", metavar="U", default="", help="when the index asks for one")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--file", metavar="FILE", help="what the password or token is read from")
    secret.add_argument("--env", metavar="VARIABLE", help="the environment variable that holds it")
    parser.workspace()
    return parser


def _show(studio: Connection, asked: Namespace, parser: Parser) -> int:
    found = _found(studio, asked)
    if found is None:
        parser.answer(asked, None, "packages come from where the studio gets them")
        return 0
    rows = [
        (url, "last" if url == found["url"] else "first", found["usernames"].get(url, ""))
        for url in (found["url"], *found["extra_urls"])
    ]
    by = f" by {found['changed_by']}" if found["changed_by"] else ""
    more = [f"set {moment(found['changed_at'])}{by}"]
    more += ["one more authority is trusted"] if found["authority"] else []
    text = "\n".join([table(("index", "asked", "user name"), rows), *more])
    parser.answer(asked, found, text)
    return 0


def _set(studio: Connection, asked: Namespace, parser: Parser) -> int:
    body = {"url": asked.url, "extra_urls": asked.extra, "authority": _authority(studio, asked)}
    made = studio.json("PUT", _path(asked), body)
    parser.answer(asked, made, f"packages come from {made['url']}: see runyard index check")
    return 0


def _authority(studio: Connection, asked: Namespace) -> str:
    if asked.authority:
        return value_of("The authority", file=asked.authority)
    found = None if asked.no_authority else _found(studio, asked)
    return str(found["authority"]) if found else ""


def _login(studio: Connection, asked: Namespace, parser: Parser) -> int:
    password = value_of("Password", file=asked.file, variable=asked.env).rstrip("\r\n")
    body = {"url": asked.url, "username": asked.username, "password": password}
    made = studio.json("PUT", _path(asked, "/credentials"), body)
    parser.answer(asked, made, f"kept what {asked.url} asks for")
    return 0


def _logout(studio: Connection, asked: Namespace, parser: Parser) -> int:
    made = studio.json("PUT", _path(asked, "/credentials"), {"url": asked.url})
    parser.answer(asked, made, f"forgot what {asked.url} asks for")
    return 0


def _check(studio: Connection, asked: Namespace, parser: Parser) -> int:
    """Have the studio ask each index; the exit code is 1 when one cannot be used."""
    found = studio.json("POST", _path(asked, "/check"), {})
    parser.answer(asked, found, "\n".join(f"{each['url']}: {each['sentence']}" for each in found))
    return 0 if all(each["works"] for each in found) else 1


def _remove(studio: Connection, asked: Namespace, parser: Parser) -> int:
    studio.json("DELETE", _path(asked))
    parser.answer(asked, None, "packages come from where the studio gets them")
    return 0


def _found(studio: Connection, asked: Namespace) -> dict[str, Any] | None:
    """What is set; None when nothing is."""
    try:
        found: dict[str, Any] = studio.json("GET", _path(asked))
    except NotFound as error:
        if error.field != "index":
            raise
        return None
    return found


def _path(asked: Namespace, more: str = "") -> str:
    return with_query(f"/package-index{more}", workspace=asked.workspace)
