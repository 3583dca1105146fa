"""`runyard secrets`: the names of what runs of a workspace can be given."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import moment, table


def run(argv: Sequence[str]) -> int:
    """List them; values are never shown."""
    parser = Parser("secrets", "The names of the secrets that runs can be given.")
    parser.workspace()
    asked = parser.parse(argv)
    found = connect().json("GET", with_query("/secrets", workspace=asked.workspace))
    rows = [(s["name"], moment(s["changed_at"]), s["changed_by"] or "") for s in found]
    parser.answer(asked, found, table(("name", "value set", "by"), rows))
    return 0
