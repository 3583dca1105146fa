"""`runyard token`: one's own keys for the command line and REST."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from studio.client.http import Connection, quote
from studio.client.login import connect
from studio.client.options import Parser, say
from studio.client.table import moment, table

_USAGE = """runyard token [list] [--json]
       runyard token create NAME [--scope read|submit|admin] [--days N | --never-ends]
       runyard token revoke ID"""


def run(argv: Sequence[str]) -> int:
    """List, make or revoke tokens."""
    parser = Parser("token", "Your own keys for the command line and REST.", usage=_USAGE)
    parser.add_argument("action", nargs="?", default="list", choices=["list", "create", "revoke"])
    parser.add_argument("which", metavar="NAME|ID", nargs="?")
    parser.add_argument("--scope", choices=["read", "submit", "admin"], default="submit")
    life = parser.add_mutually_exclusive_group()
    life.add_argument("--days", metavar="N", type=int, default=90, help="90 unless said")
    life.add_argument("--never-ends", action="store_true", help="only when it is revoked")
    asked = parser.parse(argv)
    if (asked.which is None) != (asked.action == "list"):
        parser.error("'create' takes a name, 'revoke' an id, 'list' nothing")
    act = {"list": _list, "create": _create, "revoke": _revoke}[asked.action]
    found, text = act(connect(), asked)
    parser.answer(asked, found, text)
    return 0


def _list(studio: Connection, asked: argparse.Namespace) -> tuple[object, str]:
    found = studio.json("GET", "/tokens")
    rows = [
        (
            token["id"],
            token["name"],
            token["scope"],
            "ended" if token["is_expired"] else moment(token["expires_at"]) or "never",
            moment(token["last_used_at"]) or "never",
        )
        for token in found
    ]
    return found, table(("id", "name", "scope", "ends", "last used"), rows)


def _create(studio: Connection, asked: argparse.Namespace) -> tuple[object, str]:
    days = None if asked.never_ends else asked.days
    body = {"name": asked.which, "scope": asked.scope, "days": days}
    made = studio.json("POST", "/tokens", body)
    if not asked.json:
        say(f"Token {made['id']} is shown this once:")
    return made, made["token"]


def _revoke(studio: Connection, asked: argparse.Namespace) -> tuple[object, str]:
    studio.json("DELETE", f"/tokens/{quote(asked.which, '')}")
    return {"revoked": asked.which}, f"Token {asked.which} is revoked."
