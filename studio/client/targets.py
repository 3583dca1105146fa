"""`runyard targets`: where runs can execute."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import table

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any


def run(argv: Sequence[str]) -> int:
    """Print the targets with their health and how busy they are."""
    parser = Parser("targets", "List where runs can execute.")
    parser.workspace()
    asked = parser.parse(argv)
    found = connect().json("GET", with_query("/targets", workspace=asked.workspace))
    rows = [
        (
            t["name"],
            t["kind"],
            _state(t),
            f"{t['busy']} of {t['slots']}",
            f"{len(t['gpus_lent'])} of {len(t['gpus'])}" if t["gpus"] or t["gpus_lent"] else "",
            t["queued"],
            t["health_reason"],
        )
        for t in found
    ]
    header = ("name", "kind", "health", "slots taken", "gpus lent", "queued", "reason")
    parser.answer(asked, found, table(header, rows))
    return 0


def _state(target: dict[str, Any]) -> str:
    if not target["enabled"]:
        return "disabled"
    if target["draining"]:
        return "draining" if target["busy"] else "drained"
    return "paused" if target["paused_at"] else str(target["health"])
