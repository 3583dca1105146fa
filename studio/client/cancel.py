"""`runyard cancel RUN`: ask for the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import quote
from studio.client.login import connect
from studio.client.options import Parser


def run(argv: Sequence[str]) -> int:
    """Cancel, and say where the run stands now."""
    parser = Parser("cancel", "End a run: its whole process tree is stopped.")
    parser.add_argument("run", metavar="RUN", help="a number, id prefix, name, or last")
    asked = parser.parse(argv)
    found = connect().json("POST", f"/runs/{quote(asked.run, '')}/cancel")
    if found["status"] in {"completed", "failed", "canceled"}:
        text = f"run {found['id']} is {found['status']}: {found['reason_sentence']}"
    else:
        text = f"run {found['id']} is {found['status']}: {found['waiting']}"
    parser.answer(asked, found, text)
    return 0
