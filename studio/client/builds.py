"""`runyard builds`: environments as they are made on targets."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import length, moment, table

_STATUSES = ["live", "queued", "running", "ready", "failed", "canceled"]


def run(argv: Sequence[str]) -> int:
    """Print the newest builds."""
    parser = Parser("builds", "List the builds of environments, newest first.")
    parser.add_argument("--status", choices=_STATUSES)
    parser.add_argument("--target", metavar="T")
    parser.add_argument("--environment", metavar="E", help="name or name:3")
    parser.add_argument("--limit", metavar="N", type=int, default=20)
    parser.workspace()
    asked = parser.parse(argv)
    wanted = {n: getattr(asked, n) for n in ("status", "target", "environment", "limit")}
    found = connect().json("GET", with_query("/builds", workspace=asked.workspace, **wanted))
    rows = [
        (b["id"], b["status"], b["environment"], b["target"], moment(b["created_at"]), length(b),
         b["error"] or b["held_up"])
        for b in found
    ]  # fmt: skip
    header = ("id", "status", "environment", "target", "begun", "took", "error")
    parser.answer(asked, found, table(header, rows))
    return 0
