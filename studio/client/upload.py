"""Bringing a folder to the studio: its list first, then only the contents that it lacks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from studio.client.errors import Refused
from studio.client.folder import FolderRefused, canonical, digest, scan
from studio.client.gitfacts import git_facts
from studio.client.http import Connection, with_query
from studio.client.progress import Progress

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

    from studio.client.folder import Entry

_ROUNDS = 3
"""How often the studio may still lack something after it was sent."""


def submit_folder(studio: Connection, folder: str, body: dict[str, Any]) -> dict[str, Any]:
    """Submit a run of this folder: the run as the studio made it.

    The request goes out at once, for mostly the studio knows these files already; only
    if it does not are they sent, and the request repeated.

    Raises:
        Refused: the folder or the request cannot be taken; nothing was submitted.
    """
    facts: dict[str, object] = {}
    reader = threading.Thread(target=lambda: facts.update(git_facts(folder)), daemon=True)
    reader.start()
    try:
        entries = scan(folder)
    except FolderRefused as error:
        raise Refused(str(error)) from error
    reader.join()
    body = {**body, "source": {"snapshot": digest(entries)}, "git": facts}
    try:
        made = studio.json("POST", "/runs", body)
    except Refused as error:
        if error.code != "snapshot_missing":
            raise
        _send(studio, folder, entries, body.get("workspace"))
        made = studio.json("POST", "/runs", body)
    return dict(made)
