"""`runyard delete RUN …`: into the trash, or with --forever for good."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import Connection, quote, with_query
from studio.client.login import connect
from studio.client.options import Parser


def run(argv: Sequence[str]) -> int:
    """Delete each run, and say what goes with it."""
    parser = Parser("delete", "Delete runs: they lie in the trash for 7 days, and can be restored.")
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a number, id prefix, name, or last")
    parser.add_argument("--forever", action="store_true", help="at once and for good")
    asked = parser.parse(argv)
    studio = connect()
    gone = []
    for ref in asked.runs:
        number = ref if asked.forever and ref.isdecimal() else _number(studio, ref)
        path = with_query(f"/runs/{number}", forever="true" if asked.forever else None)
        gone.append({"id": int(number), **studio.json("DELETE", path)})
    way = "is gone" if asked.forever else "is in the trash: runyard restore {id} takes it back"
    lines = [f"run {{id}} {way}".format(id=run["id"]) for run in gone]
    parser.answer(asked, gone, "\n".join(lines))
    return 0


def _number(studio: Connection, ref: str) -> str:
    found = studio.json("GET", f"/runs/{quote(ref, '')}")
    return str(found["id"])
