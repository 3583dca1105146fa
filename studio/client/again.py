"""`runyard again RUN`: the same files, environment and words once more."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import quote
from studio.client.login import connect
from studio.client.options import Parser


def run(argv: Sequence[str]) -> int:
    """Submit it again; with --wait stay to the end and answer with the run's exit code."""
    from studio.client.submit import stay_with

    parser = Parser("again", "Run the same files in the same environment with the same words.")
    parser.add_argument("run", metavar="RUN", help="a number, id prefix, name, or last")
    parser.add_argument("--wait", action="store_true", help="show its log, exit with its exit code")
    asked = parser.parse(argv)
    studio = connect()
    made = studio.json("POST", f"/runs/{quote(asked.run, '')}/again")
    return stay_with(asked, studio, made)
