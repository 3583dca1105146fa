"""`runyard secret`: keep a value for runs of a workspace, or delete it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from studio.client.asking import value_of
from studio.client.http import quote, with_query
from studio.client.login import connect
from studio.client.options import Parser

_USAGE = """runyard secret set NAME [--file FILE]
       runyard secret delete NAME"""


def run(argv: Sequence[str]) -> int:
    """Set or delete; a value is asked for, piped in or read from a file, never an argument."""
    parser = Parser("secret", "Keep a value that runs can be given by name.", usage=_USAGE)
    parser.add_argument("action", choices=["set", "delete"])
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--file", metavar="FILE", help="the value (default: standard input, or asked for)"
    )
    parser.workspace()
    asked = parser.parse(argv)
    if asked.file and asked.action == "delete":
        parser.error("delete takes no --file")
    return {"set": _set, "delete": _delete}[asked.action](parser, asked)


def _set(parser: Parser, asked: argparse.Namespace) -> int:
    body = {"value": value_of(asked.name, file=asked.file)}
    made = connect().json("PUT", _path(asked), body)
    parser.answer(asked, made, f"kept {made['name']}")
    return 0


def _delete(parser: Parser, asked: argparse.Namespace) -> int:
    studio = connect()
    studio.all_of(studio.request("DELETE", _path(asked)))
    parser.answer(asked, {"deleted": asked.name}, f"deleted {asked.name}")
    return 0


def _path(asked: argparse.Namespace) -> str:
    return with_query(f"/secrets/{quote(asked.name, keep='')}", workspace=asked.workspace)
