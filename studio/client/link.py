"""`runyard link`: a new way to sign in at the browser."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import quote, with_query
from studio.client.login import connect
from studio.client.options import Parser


def run(argv: Sequence[str]) -> int:
    """Print a link that works once."""
    parser = Parser("link", "Make a sign-in link that works once.")
    parser.add_argument("name", metavar="NAME", nargs="?", help="of a colleague, for admins")
    parser.workspace()
    asked = parser.parse(argv)
    path = "/me/link"
    if asked.name:
        path = with_query(f"/people/{quote(asked.name, '')}/link", workspace=asked.workspace)
    made = connect().json("POST", path)
    parser.answer(asked, made, made["link"])
    return 0
