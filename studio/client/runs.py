"""`runyard runs`: a list of runs, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import with_query
from studio.client.login import connect
from studio.client.options import Parser, say
from studio.client.table import length, moment, table

_LANGUAGE = (
    "QUERY is what the page of runs takes: 'status:failed metrics.r2>0.4 params.lr<0.001 "
    '-tag:draft created>7d "free text" sort:-metrics.r2\'; is:archived shows those put away.'
)


def run(argv: Sequence[str]) -> int:
    """Print one page of the runs that match."""
    parser = Parser("runs", f"List runs, newest first. {_LANGUAGE}")
    parser.add_argument("--filter", metavar="QUERY", help="which runs, in which order")
    parser.add_argument("--page", type=int, metavar="N")
    parser.workspace()
    asked = parser.parse(argv)
    path = with_query(
        "/runs",
        filter=asked.filter,
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
