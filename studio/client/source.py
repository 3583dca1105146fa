"""`runyard source ACTION NAME`: save a source, give it new files, rename it, delete it."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Sequence

from studio.client.errors import Refused
from studio.client.http import Connection, quote, with_query
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.table import moment, table

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_USAGE = """runyard source upload NAME [DIR]
       runyard source link NAME SERVER_DIR
       runyard source link NAME GIT_URL [--ref REF] [--folder SUB] [--credential C]
       runyard source show NAME
       runyard source rename NAME NEW_NAME
       runyard source delete NAME"""
_GIT = (
    ("ref", "a branch, tag or commit (default: the default branch)"),
    ("folder", "the sub-folder to run in"),
    ("credential", "what opens it (default: the one for its host)"),
)
_OTHER = {"upload": "0 or 1", "link": "1", "show": "0", "rename": "1", "delete": "0"}
_STATES = ("snapshot", "seen", "files", "bytes", "runs")


def run(argv: Sequence[str]) -> int:
    """Do it, and say where the source stands."""
    parser = Parser("source", "Save, show and change sources.", usage=_USAGE)
    parser.add_argument("action", choices=list(_OTHER))
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("other", metavar="DIR, GIT_URL or NEW_NAME", nargs="?")
    for name, text in _GIT:
        parser.add_argument(f"--{name}", metavar=name.upper(), help=f"of a git repository: {text}")
    parser.workspace()
    asked = parser.parse(argv)
    if str(int(asked.other is not None)) not in _OTHER[asked.action]:
        parser.error(f"{asked.action} takes another number of words")
    found, text = _ACTIONS[asked.action](connect(), asked)
    parser.answer(asked, found, text)
    return 0


def _upload(studio: Connection, asked: Namespace) -> tuple[Any, str]:
    from studio.client.upload import Folder, ask_with

    path = asked.other or "."
    if not os.path.isdir(path):
        raise Refused(f"There is no folder '{path}': name the one to upload.")
    folder = Folder(path)
    body = {"snapshot": folder.digest}
    address = with_query(f"{_path(asked)}/snapshots", workspace=asked.workspace)
    try:
        studio.json("GET", _address(asked))
    except Refused as error:
        if error.status != 404:
            raise
        body |= {"name": asked.name} | ({"workspace": asked.workspace} if asked.workspace else {})
        address = "/sources"
    made = ask_with(studio, folder, address, body, quiet=asked.json, workspace=asked.workspace)
    return made, f"source {made['name']} is at snapshot {folder.digest[:12]}"


def _link(studio: Connection, asked: Namespace) -> tuple[Any, str]:
    git = {name: value for name, _ in _GIT if (value := getattr(asked, name))}
    body: dict[str, Any] = {"name": asked.name}
    if git or re.match(r"[\w+.-]+://|[\w.-]+@[\w.-]+:", asked.other):
        body["git"] = {"url": asked.other, **git}
    else:
        body["folder"] = asked.other
    if asked.workspace:
        body["workspace"] = asked.workspace
    made = studio.json("POST", "/sources", body)
    return made, f"source {made['name']} is read from {made['location']} at each submit"


def _show(studio: Connection, asked: Namespace) -> tuple[Any, str]:
    address = with_query(f"{_path(asked)}/snapshots", workspace=asked.workspace)
    found = studio.json("GET", address)
    rows = [
        (s["snapshot"][:12], moment(s["seen_at"]), s["files"], s["size_bytes"], s["runs"])
        for s in found
    ]
    return found, table(_STATES, rows)


def _rename(studio: Connection, asked: Namespace) -> tuple[Any, str]:
    made = studio.json("PATCH", _address(asked), {"name": asked.other})
    return made, f"source {asked.name} is now {made['name']}"


def _delete(studio: Connection, asked: Namespace) -> tuple[Any, str]:
    studio.json("DELETE", _address(asked))
    return {"deleted": asked.name}, f"source {asked.name} is deleted; its runs are still there"


def _path(asked: Namespace) -> str:
    return f"/sources/{quote(asked.name, '')}"


def _address(asked: Namespace) -> str:
    return with_query(_path(asked), workspace=asked.workspace)


_ACTIONS = {
    "upload": _upload,
    "link": _link,
    "show": _show,
    "rename": _rename,
    "delete": _delete,
}
