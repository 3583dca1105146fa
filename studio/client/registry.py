"""`runyard registry`: what opens private registries of images for a workspace."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from studio.client.http import quote, with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import table

_USAGE = """runyard registry list
       runyard registry login HOST --username U < PASSWORD
       runyard registry logout HOST"""


def run(argv: Sequence[str]) -> int:
    """List, log in or out; a password is read from standard input, never an argument."""
    parser = Parser("registry", "What opens private registries of images.", usage=_USAGE)
    parser.add_argument("action", choices=["list", "login", "logout"])
    parser.add_argument("host", metavar="HOST", nargs="?", help="like hub.example.org, docker.io")
    parser.add_argument("--username", metavar="U", help="whom the password or token belongs to")
    parser.workspace()
    asked = parser.parse(argv)
    if (asked.host is None) != (asked.action == "list"):
        parser.error("list takes no HOST, login and logout take one")
    return {"list": _list, "login": _login, "logout": _logout}[asked.action](parser, asked)


def _list(parser: Parser, asked: argparse.Namespace) -> int:
    found = connect().json("GET", with_query("/registries", workspace=asked.workspace))
    rows = [(login["host"], login["username"]) for login in found]
    parser.answer(asked, found, table(("registry", "user"), rows))
    return 0


def _login(parser: Parser, asked: argparse.Namespace) -> int:
    if not asked.username:
        parser.error("login needs --username, whom the password or token belongs to")
    body = {"username": asked.username, "password": _password()}
    made = connect().json("PUT", _address(asked), body)
    parser.answer(asked, made, f"logged in to {made['host']} as {made['username']}")
    return 0


def _logout(parser: Parser, asked: argparse.Namespace) -> int:
    studio = connect()
    studio.all_of(studio.request("DELETE", _address(asked)))
    parser.answer(asked, {"removed": asked.host}, f"logged out of {asked.host}")
    return 0


def _address(asked: argparse.Namespace) -> str:
    path = f"/registries/{quote(asked.host, keep='')}"
    return with_query(path, workspace=asked.workspace)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    import getpass

    return getpass.getpass("Password: ")
