"""JSON as HTML that folds."""

from __future__ import annotations

import json
from html import escape
from typing import Any

NODES = 5_000
_OPEN_DEPTH = 2
_LONG = 40


class _Room:
    """How many values may still be shown."""

    def __init__(self, left: int) -> None:
        self.left = left


def json_html(text: str, *, nodes: int = NODES) -> tuple[str, int] | None:
    """(HTML, how many values are left out); None when the text is no JSON.

    Everything that the text brings is escaped.
    """
    try:
        value = json.loads(text)
        room = _Room(nodes)
        return f'<div class="json">{_html(value, room, 0)}</div>', max(0, -room.left)
    except (ValueError, RecursionError):
        return None


def _html(value: Any, room: _Room, depth: int, key: str = "") -> str:
    room.left -= 1
    if isinstance(value, dict) and value:
        members = [(f"{_key(name)}: ", item) for name, item in value.items()]
        return _folded(members, room, depth, key, "{}", "key")
    if isinstance(value, list) and value:
        return _folded([("", item) for item in value], room, depth, key, "[]", "item")
    return f"<div>{key}{_scalar(value)}</div>"


def _folded(
    members: list[tuple[str, Any]], room: _Room, depth: int, key: str, ends: str, word: str
) -> str:
    count = f"{len(members):,} {word}{'' if len(members) == 1 else 's'}"
    is_open = depth < _OPEN_DEPTH and len(members) <= _LONG
    inside = "".join(
        _html(item, room, depth + 1, name) if room.left > 0 else _left_out(item, room)
        for name, item in members
    )
    return (
        f"<details{' open' if is_open else ''}><summary>{key}{ends[0]}"
        f'<span class="quiet"> {count} </span>{ends[1]}</summary>{inside}</details>'
    )


def _left_out(value: Any, room: _Room) -> str:
    """Nothing, but it is counted."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        room.left -= 1
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return ""


def _key(name: str) -> str:
    return f'<span class="na">{escape(json.dumps(name, ensure_ascii=False))}</span>'


def _scalar(value: Any) -> str:
    kind = "s2" if isinstance(value, str) else "kc" if isinstance(value, bool | None) else "mi"
    return f'<span class="{kind}">{escape(json.dumps(value, ensure_ascii=False))}</span>'
