"""`runyard experiments`: how runs are grouped."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import moment, table


def run(argv: Sequence[str]) -> int:
    """Print the experiments with how many runs they have."""
    parser = Parser("experiments", "List how runs are grouped.")
    parser.workspace()
    asked = parser.parse(argv)
    found = connect().json("GET", with_query("/experiments", workspace=asked.workspace))
    rows = [(e["name"], e["runs"], e["live"], moment(e["last_run_at"])) for e in found]
    parser.answer(asked, found, table(("name", "runs", "live", "last run"), rows))
    return 0
