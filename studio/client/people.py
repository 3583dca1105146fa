"""`runyard people`: who belongs to a workspace, and as what."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from studio.client.http import Connection, quote, with_query
from studio.client.login import connect
from studio.client.options import Parser, say
from studio.client.table import moment, table

_USAGE = """runyard people [list] [--workspace W] [--json]
       runyard people add NAME [--role R] [--email E]
       runyard people role NAME R
       runyard people remove NAME"""


def run(argv: Sequence[str]) -> int:
    """List or change the members."""
    parser = Parser("people", "See and change who belongs to a workspace.", usage=_USAGE)
    parser.add_argument(
        "action", nargs="?", default="list", choices=["list", "add", "role", "remove"]
    )
    parser.add_argument("name", metavar="NAME", nargs="?")
    parser.add_argument("new_role", metavar="R", nargs="?", help="viewer, contributor or admin")
    parser.add_argument("--role", metavar="R", default="contributor", help="of a new member")
    parser.add_argument("--email", metavar="E", default="")
    parser.workspace()
    asked = parser.parse(argv)
    _require_words(parser, asked)
    act = {"list": _list, "add": _add, "role": _role, "remove": _remove}[asked.action]
    found, text = act(connect(), asked)
    parser.answer(asked, found, text)
    return 0


def _require_words(parser: Parser, asked: argparse.Namespace) -> None:
    given = sum(word is not None for word in (asked.name, asked.new_role))
    wanted = {"list": 0, "add": 1, "role": 2, "remove": 1}[asked.action]
    if given != wanted:
        words = ("no name", "one name", "a name and a role")[wanted]
        parser.error(f"'{asked.action}' takes {words}")


def _list(studio: Connection, asked: argparse.Namespace) -> tuple[object, str]:
    found = studio.json("GET", with_query("/people", workspace=asked.workspace))
    rows = [
        (
            person["name"],
            "owner" if person["is_owner"] else person["role"],
            moment(person["last_seen_at"]),
            person["email"],
        )
        for person in found
    ]
    return found, table(("name", "role", "last seen", "e-mail"), rows)


def _add(studio: Connection, asked: argparse.Namespace) -> tuple[object, str]:
    body = {"name": asked.name, "role": asked.role, "email": asked.email}
    made = studio.json("POST", with_query("/people", workspace=asked.workspace), body)
    if not made["link"]:
        return made, f"{made['name']} has an account already and signs in as before."
    if not asked.json:
        say(f"{made['name']} signs in with this link, once, within three days:")
    return made, made["link"]


def _role(studio: Connection, asked: argparse.Namespace) -> tuple[object, str]:
    changed = studio.json("PATCH", _address(asked), {"role": asked.new_role})
    return changed, f"{changed['name']} is {changed['role']} now."


def _remove(studio: Connection, asked: argparse.Namespace) -> tuple[object, str]:
    studio.json("DELETE", _address(asked))
    return {"removed": asked.name}, f"{asked.name} is removed."


def _address(asked: argparse.Namespace) -> str:
    return with_query(f"/people/{quote(asked.name, '')}", workspace=asked.workspace)
