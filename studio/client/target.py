"""`runyard target ACTION NAME`: a place to run: register, look at, change, hold back, forget."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.http import Connection, quote, with_query
from studio.client.login import connect
from studio.client.options import Parser, say
from studio.client.table import table
from studio.client.targetfacts import in_short, told

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_USAGE = """runyard target register NAME --kind KIND --set SETTING=VALUE … [OPTIONS]
       runyard target change NAME [--set SETTING=VALUE …] [OPTIONS]
       runyard target settings KIND
       runyard target show NAME
       runyard target test NAME
       runyard target environments NAME [--pin E | --unpin E | --remove E]
       runyard target leftovers NAME [--clean] [--only KIND:NAME …]
       runyard target pause | drain | resume NAME
       runyard target enable | disable NAME
       runyard target delete NAME"""


_TURNS: dict[str, tuple[str, dict[str, bool] | None]] = {
    "pause": ("pause", {"drain": False}),
    "drain": ("pause", {"drain": True}),
    "resume": ("resume", None),
}
"""How the queue is held back, or let go on: {action: (route, body)}."""
_OPTIONS = {"slots": "slots", "build_slots": "build_slots", "gpus": "gpus",
            "environments_gib": "environments_gib", "open": "open_to_members"}  # fmt: skip
"""What may be said beside the settings of the kind: {option: name in the API}."""

_LOOK_AGAIN_S = 1.0


def run(argv: Sequence[str]) -> int:
    """Do it; the exit code is 1 when a target that was tried out cannot be used."""
    parser = _parser()
    asked = parser.parse(argv)
    studio = connect()
    if asked.action in _TURNS:
        verb, body = _TURNS[asked.action]
        found = studio.json("POST", _address(asked, f"/{verb}"), body)
        parser.answer(asked, found, _said(found))
        return 0
    actions = {"register": _register, "change": _change, "settings": _settings, "show": _show,
               "test": _test, "environments": _environments, "leftovers": _leftovers,
               "delete": _delete}  # fmt: skip
    return actions.get(asked.action, _enable)(studio, asked, parser)


def _parser() -> Parser:
    parser = Parser("target", "Places to run: register, look at, change, forget.", usage=_USAGE)
    actions = [
        "register",
        "change",
        "settings",
        "show",
        "test",
        "environments",
        "leftovers",
        *_TURNS,
        "enable",
        "disable",
    ]
    parser.add_argument("action", choices=[*actions, "delete"])
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--kind", metavar="KIND", default="docker", help="docker or local")
    parser.add_argument(
        "--set",
        metavar="SETTING=VALUE",
        action="append",
        default=[],
        help="what the kind needs to be told, like address=unix:///var/run/docker.sock; "
        "SETTING= takes it away",
    )
    parser.add_argument("--slots", metavar="N", type=int, help="runs at once (1)")
    parser.add_argument("--build-slots", metavar="N", type=int, help="builds at once (1)")
    parser.add_argument("--gpus", metavar="LIST", help="0,1,2,3, UUIDs, or none")
    parser.add_argument(
        "--environments-gib",
        metavar="N",
        type=int,
        help="the room for built environments (20); 0: no bound",
    )
    parser.add_argument(
        "--open", action="store_true", default=None, help="members may run there too"
    )
    parser.add_argument(
        "--rename", metavar="NAME", help="with change: what it is called from now on"
    )
    keep = parser.add_mutually_exclusive_group()
    keep.add_argument("--pin", metavar="E", help="keep this environment: name:3, or its key")
    keep.add_argument("--unpin", metavar="E", help="let it go when room is needed")
    keep.add_argument("--remove", metavar="E", help="remove it; the next run builds it again")
    parser.add_argument("--clean", action="store_true", help="remove what was left there")
    parser.add_argument(
        "--only",
        metavar="KIND:NAME",
        action="append",
        help="with --clean: this one alone, as the list names it",
    )
    parser.workspace()
    return parser


def _register(studio: Connection, asked: Namespace, parser: Parser) -> int:
    body = {"name": asked.name, "kind": asked.kind, "config": dict(map(_setting, asked.set))}
    studio.json("POST", with_query("/targets", workspace=asked.workspace), body | _given(asked))
    return _test(studio, asked, parser)


def _change(studio: Connection, asked: Namespace, parser: Parser) -> int:
    """Change what is given, then try it out if it leads elsewhere now."""
    body = _given(asked)
    if asked.rename:
        body["name"] = asked.rename
    if asked.set:
        config = studio.json("GET", _address(asked))["config"] | dict(map(_setting, asked.set))
        body["config"] = {name: value for name, value in config.items() if value}
    if not body:
        parser.error("say what to change, like --slots 4 or --set memory=8g")
    found = studio.json("PATCH", _address(asked), body)
    asked.name = found["name"]
    if asked.set:
        return _test(studio, asked, parser)
    parser.answer(asked, found, told(found))
    return 0


def _settings(studio: Connection, asked: Namespace, parser: Parser) -> int:
    """What `--set` may say of a kind."""
    kinds = {kind["kind"]: kind for kind in studio.json("GET", "/target-kinds")}
    if asked.name not in kinds:
        raise Refused(f"'{asked.name}' is no kind of target: there are {', '.join(kinds)}.")
    found = kinds[asked.name]
    rows = [(s["name"], "yes" if s["is_required"] else "", s["help"]) for s in found["settings"]]
    text = f"{found['summary']}\n\n{table(('setting', 'needed', 'what it is'), rows)}"
    parser.answer(asked, found, text)
    return 0


def _show(studio: Connection, asked: Namespace, parser: Parser) -> int:
    found = studio.json("GET", _address(asked))
    parser.answer(asked, found, told(found))
    return 0


def _test(studio: Connection, asked: Namespace, parser: Parser) -> int:
    found = _fetched(studio, asked, studio.json("POST", _address(asked, "/test"), {}))
    if found["health"] == "ready":
        parser.answer(asked, found, f"{asked.name} is ready: {in_short(found['facts'])}")
        return 0
    parser.answer(asked, found, f"{asked.name} is {found['health']}: {found['health_reason']}")
    return 1


def _fetched(studio: Connection, asked: Namespace, found: dict[str, Any]) -> dict[str, Any]:
    """Wait while the engine gets its image, and say how far it is."""
    said = ""
    while found["fetching"]:
        if found["fetching"] != said:
            said = found["fetching"]
            say(f"runyard: {asked.name} fetches its image: {said}")
        time.sleep(_LOOK_AGAIN_S)
        found = studio.json("GET", _address(asked))
    return found


def _environments(studio: Connection, asked: Namespace, parser: Parser) -> int:
    from studio.client.targetfacts import environments

    one = asked.pin or asked.unpin or asked.remove
    address = _address(asked, f"/environments/{quote(one, keep='')}" if one else "/environments")
    if asked.remove:
        studio.all_of(studio.request("DELETE", address))
        parser.answer(asked, {"removed": one}, f"{one} is removed from {asked.name}")
        return 0
    body = {"pinned": bool(asked.pin)} if one else None
    found = studio.json("PATCH" if one else "GET", address, body)
    parser.answer(asked, found, environments(found))
    return 0


def _enable(studio: Connection, asked: Namespace, parser: Parser) -> int:
    enabled = asked.action == "enable"
    found = studio.json("PATCH", _address(asked), {"enabled": enabled})
    said = "takes runs again" if enabled else "is disabled: what runs there goes on"
    parser.answer(asked, found, f"{asked.name} {said}")
    return 0


def _leftovers(studio: Connection, asked: Namespace, parser: Parser) -> int:
    from studio.client.leftovers import leftovers

    return leftovers(studio, asked, parser, _address(asked, "/leftovers"))


def _delete(studio: Connection, asked: Namespace, parser: Parser) -> int:
    studio.json("DELETE", _address(asked))
    parser.answer(asked, None, f"{asked.name} is no target any more; its folder stays")
    return 0


def _given(asked: Namespace) -> dict[str, Any]:
    """The options that were given, as the API calls them."""
    given = {name: getattr(asked, option) for option, name in _OPTIONS.items()}
    return {name: value for name, value in given.items() if value is not None}


def _setting(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise Refused(f"'{text}' is no setting: write --set NAME=VALUE.")
    return name, value


def _address(asked: Namespace, more: str = "") -> str:
    return with_query(f"/targets/{quote(asked.name)}{more}", workspace=asked.workspace)


def _said(target: dict[str, Any]) -> str:
    name, busy, queued = target["name"], target["busy"], target["queued"]
    if target["paused_at"] is None:
        return f"{name} starts runs again: {queued} waiting"
    if target["draining"] and not busy:
        return f"{name} is drained: nothing runs there, {queued} waiting"
    how = "being drained" if target["draining"] else "paused"
    return f"{name} is {how}: {busy} running go on, {queued} waiting stay in line"
