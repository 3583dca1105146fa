"""`runyard target ACTION NAME`: a place to run: register, test, hold back, forget."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.http import Connection, quote, with_query
from studio.client.login import connect
from studio.client.options import Parser

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_USAGE = """runyard target register NAME --kind KIND --set SETTING=VALUE …
       runyard target test NAME
       runyard target delete NAME
       runyard target pause NAME
       runyard target drain NAME
       runyard target resume NAME
       runyard target leftovers NAME [--clean] [--only KIND:NAME …]"""


_TURNS: dict[str, tuple[str, dict[str, bool] | None]] = {
    "pause": ("pause", {"drain": False}),
    "drain": ("pause", {"drain": True}),
    "resume": ("resume", None),
}
"""How the queue is held back, or let go on: {action: (route, body)}."""


def run(argv: Sequence[str]) -> int:
    """Do it; the exit code is 1 when a target that was tried out cannot be used."""
    parser = Parser("target", "Register, test, hold back and forget places to run.", usage=_USAGE)
    parser.add_argument("action", choices=["register", "test", "delete", "leftovers", *_TURNS])
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--kind", metavar="KIND", default="docker", help="docker or local")
    parser.add_argument(
        "--set",
        metavar="SETTING=VALUE",
        action="append",
        default=[],
        help="what the kind needs to be told, like address=unix:///var/run/docker.sock",
    )
    parser.add_argument("--slots", metavar="N", type=int, default=1, help="runs at once")
    parser.add_argument("--build-slots", metavar="N", type=int, default=1, help="builds at once")
    parser.add_argument("--gpus", metavar="LIST", default="", help="0,1,2,3, UUIDs, or none")
    parser.add_argument("--open", action="store_true", help="members may run there too")
    parser.add_argument("--clean", action="store_true", help="remove what was left there")
    parser.add_argument(
        "--only",
        metavar="KIND:NAME",
        action="append",
        help="with --clean: this one alone, as the list names it",
    )
    parser.workspace()
    asked = parser.parse(argv)
    studio = connect()
    if asked.action == "leftovers":
        from studio.client.leftovers import leftovers

        return leftovers(studio, asked, parser, _address(asked, "/leftovers"))
    if asked.action == "delete":
        studio.json("DELETE", _address(asked))
        parser.answer(asked, None, f"{asked.name} is no target any more; its folder stays")
        return 0
    if asked.action in _TURNS:
        verb, body = _TURNS[asked.action]
        told = studio.json("POST", _address(asked, f"/{verb}"), body)
        parser.answer(asked, told, _said(told))
        return 0
    if asked.action == "register":
        studio.json("POST", with_query("/targets", workspace=asked.workspace), _body(asked))
    return _test(studio, asked, parser)


def _test(studio: Connection, asked: Namespace, parser: Parser) -> int:
    found = studio.json("POST", _address(asked, "/test"), {})
    if found["health"] == "ready":
        parser.answer(asked, found, f"{asked.name} is ready: {_in_short(found['facts'])}")
        return 0
    parser.answer(asked, found, f"{asked.name} is {found['health']}: {found['health_reason']}")
    return 1


def _body(asked: Namespace) -> dict[str, Any]:
    return {
        "name": asked.name,
        "kind": asked.kind,
        "config": dict(map(_setting, asked.set)),
        "slots": asked.slots,
        "build_slots": asked.build_slots,
        "gpus": asked.gpus,
        "open_to_members": asked.open,
    }


def _setting(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise Refused(f"'{text}' is no setting: write --set NAME=VALUE.")
    return name, value


def _address(asked: Namespace, more: str = "") -> str:
    return with_query(f"/targets/{quote(asked.name)}{more}", workspace=asked.workspace)


def _in_short(facts: dict[str, Any]) -> str:
    engine = f"Docker {facts['engine']['version']}, " if "engine" in facts else ""
    cores = "1 core" if facts["cores"] == 1 else f"{facts['cores']} cores"
    return f"{facts['hostname']}, {engine}{cores}, Python {facts['python_version']}"


def _said(target: dict[str, Any]) -> str:
    name, busy, queued = target["name"], target["busy"], target["queued"]
    if target["paused_at"] is None:
        return f"{name} starts runs again: {queued} waiting"
    if target["draining"] and not busy:
        return f"{name} is drained: nothing runs there, {queued} waiting"
    how = "being drained" if target["draining"] else "paused"
    return f"{name} is {how}: {busy} running go on, {queued} waiting stay in line"
