"""`runyard submit --check`: what may go wrong with a run, said before it is queued."""

from __future__ import annotations

import json

from studio.client.login import connect
from studio.client.options import tell
from studio.client.upload import Folder, ask_with, script_in

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_MARKS = {"good": "ok", "warning": "warning", "unknown": "unknown", "refused": "refused"}


def check(folder: str, there: dict[str, Any], body: dict[str, Any], *, as_json: bool) -> int:
    """Send what the studio lacks of the folder, and tell what it sees: always 0.

    Raises:
        Refused: the files cannot be taken at all.
    """
    studio = connect()
    if there:
        found = studio.json("POST", "/runs/preflight", {**body, "source": there})
    else:
        files = Folder(folder)
        if body.get("script"):
            body = {**body, "script": script_in(folder, body["script"])}
        body = {**body, "source": {"snapshot": files.digest}}
        where = body.get("workspace")
        found = ask_with(studio, files, "/runs/preflight", body, workspace=where, quiet=as_json)
    tell(json.dumps(found, indent=2) if as_json else _text(found["findings"]))
    return 0


def _text(findings: list[dict[str, Any]]) -> str:
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding['state']]:<9}{finding['about']:<13}{finding['sentence']}")
        lines += [f"{'':<22}{line}" for line in finding["detail"].splitlines()]
    return "\n".join(lines)
