"""`runyard logs RUN`: the bytes that a run printed, as they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from studio.client.follow import stay
from studio.client.http import Connection, quote, with_query
from studio.client.login import connect
from studio.client.options import Parser


def run(argv: Sequence[str]) -> int:
    """Print a log, or follow it to its end."""
    parser = Parser("logs", "Print what a run printed.")
    parser.add_argument("run", metavar="RUN", help="a number, id prefix, name, or last")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until the run has ended")
    parser.add_argument(
        "--stream", metavar="S", default="run.log", help="another of its logs, like logs/train.txt"
    )
    asked = parser.parse(argv)
    studio = connect()
    path = f"/runs/{quote(asked.run, '')}"
    if asked.json:
        streams = studio.json("GET", f"{path}/streams")
        parser.answer(asked, streams, "")
    elif asked.follow:
        # From here on the number, for "last" and names may begin to mean another run.
        ended = stay(studio, studio.json("GET", path)["id"], stream=asked.stream)
        return 0 if ended else 130
    else:
        _copy(studio, with_query(f"{path}/log", stream=asked.stream))
    return 0


def _copy(studio: Connection, path: str) -> None:
    for data in studio.pieces_of(studio.request("GET", path)):
        sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
