"""Submitting files that the studio has or fetches itself: then we wait for the run."""

from __future__ import annotations

import sys
import time

from studio.client.errors import Refused
from studio.client.http import Connection
from studio.client.options import say

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 2.0


def submit_there(
    studio: Connection, source: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    """Submit a run of a repository or a saved source: the run as the studio made it.

    Raises:
        Refused: the studio cannot fetch it, or not run it; nothing was submitted.
    """
    found = studio.json("POST", "/runs", {**body, "source": source})
    if "run" not in found:
        return dict(found)  # nothing had to be fetched
    pause, told = _FIRST_PAUSE_S, ""
    while found["status"] in {"queued", "running"}:
        if found["waiting"] != told and sys.stderr.isatty():
            told = found["waiting"]
            say(f"import {found['id']}: {told}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_PAUSE_S)
        found = studio.json("GET", f"/imports/{found['id']}")
    if found["run"] is None:
        raise Refused(found["error"] or f"Import {found['id']} was canceled: submit once more.")
    return dict(studio.json("GET", f"/runs/{found['run']}"))
