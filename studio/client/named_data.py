"""`runyard data`: the data that runs can ask for by name, and where each target has it."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import quote, with_query
from studio.client.login import connect
from studio.client.options import Parser, say
from studio.client.table import moment, table

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

_USAGE = """runyard data list
       runyard data add NAME [--target T --path PATH] [--description D]
       runyard data remove NAME [--target T]"""


def run(argv: Sequence[str]) -> int:
    """List, add or remove."""
    parser = Parser("data", "Data by name, and where each target has it.", usage=_USAGE)
    parser.add_argument("action", choices=["list", "add", "remove"])
    parser.add_argument("name", metavar="NAME", nargs="?")
    parser.add_argument("--target", metavar="T", help="the target that has it, or has it no more")
    parser.add_argument("--path", metavar="PATH", help="where it lies there, an absolute path")
    parser.add_argument("--description", metavar="D", help="what it is")
    parser.workspace()
    asked = parser.parse(argv)
    if asked.action == "list":
        return _list(parser, asked)
    if not asked.name:
        parser.error(f"give the NAME to {asked.action}")
    if asked.action == "remove":
        return _remove(parser, asked)
    if bool(asked.target) != bool(asked.path):
        parser.error("--target and --path go together: which target has it where?")
    return _add(parser, asked)


def _list(parser: Parser, asked: Namespace) -> int:
    found = connect().json("GET", with_query("/data", workspace=asked.workspace))
    rows = [row for data in found for row in _rows(data)]
    header = ("name", "target", "path", "found", "checked", "description")
    parser.answer(asked, found, table(header, rows))
    return 0


def _rows(data: dict[str, Any]) -> list[tuple[str, ...]]:
    """One for each target that has it; one alone when none has."""
    name, description = data["name"], data["description"]
    return [
        (name, at["target"], at["path"], _state(at), moment(at["checked_at"]), description)
        for at in data["paths"]
    ] or [(name, "", "no target has it", "", "", description)]


def _add(parser: Parser, asked: Namespace) -> int:
    """Register it, then have the target looked at: what was found there is told."""
    studio, address = connect(), _address(asked)
    body: dict[str, Any] = {"paths": {asked.target: asked.path}} if asked.target else {}
    if asked.description is not None:
        body["description"] = asked.description
    made = studio.json("PUT", address, body)
    if asked.target:
        test = f"/targets/{quote(asked.target, '')}/test"
        studio.json("POST", with_query(test, workspace=asked.workspace))
        made = studio.json("GET", address)
    at = next((p for p in made["paths"] if p["target"] == asked.target), None)
    where = f": {at['path']} on {at['target']}, {_state(at)}" if at else ""
    parser.answer(asked, made, f"{made['name']} is {made['variable']} to runs{where}")
    if at and not at["kind"]:
        say(f"runyard: {asked.name} is registered, but a run on {asked.target} may not find it")
    return 0


def _remove(parser: Parser, asked: Namespace) -> int:
    studio = connect()
    if asked.target:
        made = studio.json("PUT", _address(asked), {"paths": {asked.target: ""}})
        parser.answer(asked, made, f"{asked.target} does not have {asked.name} any more")
        return 0
    studio.json("DELETE", _address(asked))
    parser.answer(asked, None, f"{asked.name} is forgotten; its files stay")
    return 0


def _address(asked: Namespace) -> str:
    return with_query(f"/data/{quote(asked.name, '')}", workspace=asked.workspace)


def _state(at: dict[str, Any]) -> str:
    return str(at["complaint"] or at["kind"] or "not looked at yet")
