"""`runyard show RUN`: everything about one run."""

from __future__ import annotations

from collections.abc import Sequence

from studio.client.http import quote
from studio.client.login import connect
from studio.client.options import Parser
from studio.client.progress import size_text
from studio.client.table import facts, length, moment

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any


def run(argv: Sequence[str]) -> int:
    """Print what the studio knows of a run."""
    parser = Parser("show", "Everything about one run.")
    parser.add_argument("run", metavar="RUN", help="a number, id prefix, name, or last")
    asked = parser.parse(argv)
    found = connect().json("GET", f"/runs/{quote(asked.run, '')}")
    parser.answer(asked, found, _text(found))
    return 0


def _text(run: dict[str, Any]) -> str:
    code = "" if run["exit_code"] is None else f", exit code {run['exit_code']}"
    log = f"{size_text(run['log']['size'])}, {'complete' if run['log']['sealed'] else 'growing'}"
    return facts(
        [
            ("run", run["id"]),
            ("id", run["uid"]),
            ("name", run["name"]),
            ("status", run["status"] + code),
            ("waits", run["waiting"]),
            ("reason", run["reason_sentence"]),
            ("error", run["error"] if run["error"] != run["reason_sentence"] else ""),
            ("experiment", run["experiment"]),
            ("target", run["target"]),
            ("environment", run["environment"]),
            ("", run["environment_why"]),
            ("gpus", _gpus(run)),
            ("data", "\n".join(f"{name} at {path}" for name, path in run["data"].items())),
            ("command", _words(run["command"])),
            ("description", run["description"]),
            ("tags", "\n".join(f"{name}={value}" for name, value in run["tags"].items())),
            ("priority", run["priority"] or ""),
            ("time limit", f"{run['time_limit_s']} s" if run["time_limit_s"] else ""),
            ("submitted", f"{moment(run['created_at'])} by {run['submitted_by'] or '?'}"),
            ("started", moment(run["started_at"])),
            ("ended", moment(run["ended_at"])),
            ("took", length(run)),
            ("snapshot", run["snapshot"]),
            ("git", _git(run["git"])),
            ("metrics", "\n".join(f"{name} {value}" for name, value in run["metrics"].items())),
            ("log", log),
            ("receipt", _receipt(run["receipt"])),
            ("page", run["url"]),
        ]
    )


def _gpus(run: dict[str, Any]) -> str:
    if not run["gpus"]:
        return ""
    lent = ", ".join(run["gpus_lent"])
    return f"{run['gpus']} (lent: {lent})" if lent else str(run["gpus"])


def _words(words: Sequence[str]) -> str:
    import shlex

    return shlex.join(words)


def _git(git: dict[str, Any]) -> str:
    if not git.get("commit"):
        return str(git.get("trouble") or "")
    state = "with uncommitted changes" if git.get("dirty") else "clean"
    return f"{git['commit'][:12]} {git.get('branch') or ''} {git.get('repository') or ''} ({state})"


def _receipt(receipt: dict[str, Any] | None) -> str:
    if not receipt or "complete" not in receipt:
        return ""
    if receipt["complete"]:
        count = receipt.get("masked")
        masked = f", {count} {'place' if count == 1 else 'places'} masked" if count else ""
        return f"every byte that was written is stored, hashes agree{masked}"
    return str(receipt.get("gap") or "the log is not known to be complete")
