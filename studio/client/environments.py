"""`runyard environments`: what runs can execute in."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import table


def run(argv: Sequence[str]) -> int:
    """Print the environments with their newest versions."""
    parser = Parser("environments", "List what runs can execute in.")
    parser.add_argument("--archived", action="store_true", help="those out of use instead")
    parser.workspace()
    asked = parser.parse(argv)
    archived = "true" if asked.archived else None
    path = with_query("/environments", workspace=asked.workspace, archived=archived)
    found = connect().json("GET", path)
    rows = [(e["name"], e["version"], e["origin"], e["kind"], e["description"]) for e in found]
    header = ("name", "version", "origin", "kind", "description")
    parser.answer(asked, found, table(header, rows))
    return 0
