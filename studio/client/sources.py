"""`runyard sources`: script directories that the studio knows by name."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import moment, table

_HEADER = ("name", "kind", "snapshots", "runs", "last seen", "location")


def run(argv: Sequence[str]) -> int:
    """List them."""
    parser = Parser("sources", "List sources: script directories by name.")
    parser.workspace()
    asked = parser.parse(argv)
    found = connect().json("GET", with_query("/sources", workspace=asked.workspace))
    rows = [
        (s["name"], s["kind"], s["snapshots"], s["runs"], moment(s["seen_at"]), s["location"])
        for s in found
    ]
    parser.answer(asked, found, table(_HEADER, rows))
    return 0
