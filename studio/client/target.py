"""`runyard target`: hold the queue of a target back, or let it go on."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import quote, with_query
from studio.client.login import connect
from studio.client.options import Parser

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_USAGE = """runyard target pause NAME
       runyard target drain NAME
       runyard target resume NAME"""


def run(argv: Sequence[str]) -> int:
    """Pause a target, drain it, or let it start runs again."""
    parser = Parser("target", "Hold the queue of a target back.", usage=_USAGE)
    parser.add_argument("action", choices=["pause", "drain", "resume"])
    parser.add_argument("name", metavar="NAME")
    parser.workspace()
    asked = parser.parse(argv)
    verb = "resume" if asked.action == "resume" else "pause"
    address = with_query(f"/targets/{quote(asked.name, '')}/{verb}", workspace=asked.workspace)
    body = None if verb == "resume" else {"drain": asked.action == "drain"}
    told = connect().json("POST", address, body)
    parser.answer(asked, told, _said(told))
    return 0


def _said(target: dict[str, Any]) -> str:
    name, busy, queued = target["name"], target["busy"], target["queued"]
    if target["paused_at"] is None:
        return f"{name} starts runs again: {queued} waiting"
    if target["draining"] and not busy:
        return f"{name} is drained: nothing runs there, {queued} waiting"
    how = "being drained" if target["draining"] else "paused"
    return f"{name} is {how}: {busy} running go on, {queued} waiting stay in line"
