"""`runyard restore RUN …`: take runs out of the trash."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import quote
from studio.client.login import connect
from studio.client.options import Parser


def run(argv: Sequence[str]) -> int:
    """Restore each run."""
    parser = Parser("restore", "Take deleted runs out of the trash.")
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a number")
    asked = parser.parse(argv)
    studio = connect()
    found = [studio.json("POST", f"/runs/{quote(ref, '')}/restore") for ref in asked.runs]
    lines = [f"run {run['id']} is in the lists again" for run in found]
    parser.answer(asked, found, "\n".join(lines))
    return 0
