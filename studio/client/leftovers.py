"""`runyard target leftovers NAME`: what was left on a target, and removing it."""

from __future__ import annotations

from argparse import Namespace

from studio.client.http import Connection
from studio.client.options import Parser, say
from studio.client.progress import size_text
from studio.client.table import table

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any


def leftovers(studio: Connection, asked: Namespace, parser: Parser, address: str) -> int:
    """List them, or with `--clean` remove them; 1 when some could not be removed."""
    if not asked.clean:
        found = studio.json("GET", address)
        rows = [(f"{one['kind']}:{one['name']}", _size(one), one["why"]) for one in found]
        text = table(("leftover", "size", "why"), rows) if rows else "nothing is left there"
        parser.answer(asked, found, text)
        return 0
    path, mark, query = address.partition("?")
    cleaned = studio.json("POST", f"{path}/clean{mark}{query}", {"names": asked.only})
    for one in cleaned["kept"]:
        say(f"the {one['kind']} {one['name']} stays: {one['why']}")
    number = len(cleaned["removed"])
    parser.answer(asked, cleaned, f"{number} {'leftover' if number == 1 else 'leftovers'} removed")
    return 1 if cleaned["kept"] else 0


def _size(one: dict[str, Any]) -> str:
    size = one["bytes"]
    return "" if size is None else size_text(size)
