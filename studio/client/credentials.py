"""`runyard credentials`: what opens private git repositories for a workspace."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.http import quote, with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import table

_USAGE = """runyard credentials list
       runyard credentials add NAME --host HOST [--kind token|ssh_key] [--file FILE]
       runyard credentials remove NAME"""


def run(argv: Sequence[str]) -> int:
    """List, add or remove; a secret is read from a file or standard input, never an argument."""
    parser = Parser("credentials", "What opens private git repositories.", usage=_USAGE)
    parser.add_argument("action", choices=["list", "add", "remove"])
    parser.add_argument("name", metavar="NAME", nargs="?")
    parser.add_argument("--host", metavar="HOST", help="the only host that it is sent to")
    parser.add_argument("--kind", choices=["token", "ssh_key"], default="token")
    parser.add_argument("--username", metavar="U", default="", help="when the host asks for one")
    parser.add_argument(
        "--file",
        metavar="FILE",
        help="the token or private key (default: asked for; - for standard input; an ssh_key "
        "without one is made by the studio)",
    )
    parser.workspace()
    asked = parser.parse(argv)
    if (asked.name is None) != (asked.action == "list"):
        parser.error("list takes no NAME, add and remove take one")
    return {"list": _list, "add": _add, "remove": _remove}[asked.action](parser, asked)


def _list(parser: Parser, asked: argparse.Namespace) -> int:
    found = connect().json("GET", with_query("/credentials", workspace=asked.workspace))
    rows = [(c["name"], c["kind"], c["host"], c["public_key"] or c["username"]) for c in found]
    parser.answer(asked, found, table(("name", "kind", "host", "public key or user"), rows))
    return 0


def _add(parser: Parser, asked: argparse.Namespace) -> int:
    if not asked.host:
        parser.error("add needs --host, the only host that the secret is sent to")
    body = {
        "name": asked.name,
        "kind": asked.kind,
        "host": asked.host,
        "username": asked.username,
        "secret": _secret(asked),
    }
    made = connect().json("POST", with_query("/credentials", workspace=asked.workspace), body)
    told = f"credential {made['name']} for {made['host']}"
    if made["public_key"]:
        told += f"\ngive its public key to the host:\n{made['public_key']}"
    parser.answer(asked, made, told)
    return 0


def _remove(parser: Parser, asked: argparse.Namespace) -> int:
    path = f"/credentials/{quote(asked.name, keep='')}"
    studio = connect()
    studio.all_of(studio.request("DELETE", with_query(path, workspace=asked.workspace)))
    parser.answer(asked, {"removed": asked.name}, f"removed {asked.name}")
    return 0


def _secret(asked: argparse.Namespace) -> str:
    """The secret from where it was said to be; "" for a key that the studio makes."""
    if asked.file == "-":
        return sys.stdin.read()
    if asked.file:
        try:
            with open(os.path.expanduser(asked.file), encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise Refused(f"The secret '{asked.file}' cannot be read: {why}.") from error
    if asked.kind == "ssh_key":
        return ""
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    import getpass

    return getpass.getpass("Token: ")
