"""`runyard runs`: a list of runs, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser, say
from studio.client.table import length, moment, table


def run(argv: Sequence[str]) -> int:
    """Print one page of the runs that match."""
    parser = Parser("runs", "List runs, newest first.")
    parser.add_argument("--status", metavar="S", help="queued, running, …, or live, or ended")
    parser.add_argument("--experiment", metavar="X")
    parser.add_argument("--target", metavar="T")
    parser.add_argument("--tag", metavar="K[=V]")
    parser.add_argument("--text", metavar="TEXT", help="in name, description, script or error")
    parser.add_argument("--archived", action="store_true", help="those that are archived instead")
    parser.add_argument("--page", type=int, metavar="N")
    parser.workspace()
    asked = parser.parse(argv)
    path = with_query(
        "/runs",
        status=asked.status,
        experiment=asked.experiment,
        target=asked.target,
        tag=asked.tag,
        q=asked.text,
        archived="true" if asked.archived else None,
        page=asked.page,
        workspace=asked.workspace,
    )
    found = connect().json("GET", path)
    rows = [
        (
            r["id"],
            r["name"],
            r["status"],
            r["experiment"],
            r["target"],
            moment(r["created_at"]),
            length(r),
            r["error"],
        )
        for r in found["items"]
    ]
    header = ("id", "name", "status", "experiment", "target", "submitted", "took", "error")
    parser.answer(asked, found, table(header, rows))
    if found["pages"] > 1:
        say(f"page {found['page']} of {found['pages']}, {found['total']} runs in all: --page N")
    return 0
