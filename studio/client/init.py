"""`runyard init`: note in this folder which studio and workspace it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.http import Connection
from studio.client.login import find_login
from studio.client.options import Parser
from studio.client.project import with_scheme, write_project

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any


def run(argv: Sequence[str]) -> int:
    """Write `.runyard/config.json`, once the studio has confirmed what will stand in it."""
    parser = Parser("init", "Note in .runyard/config.json which studio this folder belongs to.")
    parser.add_argument("--url", metavar="URL", help="the studio (default: the one in use)")
    parser.add_argument("--workspace", metavar="W", default="", help="when you belong to several")
    asked = parser.parse(argv)
    url, token = find_login(with_scheme(asked.url) if asked.url else "")
    workspace = pick_workspace(Connection(url, token).json("GET", "/me"), asked.workspace)
    path = write_project(".", url, workspace)
    answer = {"url": url, "workspace": workspace, "path": path}
    parser.answer(asked, answer, f"{path}: workspace {workspace} of {url}")
    return 0


def pick_workspace(me: dict[str, Any], name: str) -> str:
    """The workspace of that name; without one, the only one there is.

    Raises:
        Refused: the caller does not belong to it, or has to choose.
    """
    known = [workspace["slug"] for workspace in me["workspaces"]]
    if name in known:
        return name
    listed = ", ".join(known) or "none yet"
    if name:
        raise Refused(f"{me['user']} belongs to no workspace '{name}', but to {listed}.")
    if len(known) != 1:
        raise Refused(f"{me['user']} belongs to {listed}: name one workspace.")
    return str(known[0])
