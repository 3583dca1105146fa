"""What became of files from one snapshot to another."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render

from runs.changes import Changes, text_diff
from runs.models import Snapshot
from runs.selectors.files import snapshot_changes, snapshot_get
from runs.selectors.runs import run_get
from runs.services.sources import run_source_now
from runs.snapshots import Entry
from runs.stores import blob_store
from runs.views.files import VIEW_BYTES, diff_lines
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.pages import PageRequest, current_workspace, page

_SHOWN_PATHS = 200
_DIFF_BYTES = VIEW_BYTES
"""Of both sides of all files together; the rest is listed and asked for one by one."""


@dataclass(frozen=True)
class FileDiff:
    """One file of both snapshots: its lines, or why there are none."""

    path: str
    lines: list[tuple[str, str]]
    why_not: str


@page
def changes(request: PageRequest, digest: str) -> HttpResponse:
    """From one snapshot of the workspace to another: added, removed, modified, with diffs."""
    workspace = current_workspace(request)
    old = snapshot_get(user=request.user, workspace=workspace, digest=digest)
    to = request.GET.get("to", "")
    new = snapshot_get(user=request.user, workspace=workspace, digest=to)
    only = request.GET.get("path", "")
    context = {"section": "sources"} | _context(old, new, only)
    return render(request, "runs/changes.html", context)


@page
def run_changes(request: PageRequest, run_id: int) -> HttpResponse:
    """From what a run ran to its source or folder as it is now; a part of a page when asked so."""
    run = run_get(user=request.user, ref=str(run_id))
    context: dict[str, object] = {"section": "runs", "run": run}
    try:
        now = run_source_now(user=request.user, run=run)
        context |= _context(run.snapshot, now, request.GET.get("path", ""))
    except (Forbidden, NotFound):
        raise
    except Refused as error:
        context["problem"] = error.sentence
    part = "runs/parts/changes.html" if request.htmx else "runs/changes.html"
    return render(request, part, context)


def _context(old: Snapshot, new: Snapshot, only: str) -> dict[str, object]:
    found = snapshot_changes(old=old, new=new)
    return {
        "old": old,
        "new": new,
        "found": found,
        "added": found.added[:_SHOWN_PATHS],
        "removed": found.removed[:_SHOWN_PATHS],
        "modified": found.modified[:_SHOWN_PATHS],
        "diffs": _diffs(found, only),
        "only": only,
    }


def _diffs(found: Changes, only: str) -> list[FileDiff]:
    """Diffs of modified files up to a limit, or of the one that is asked for."""
    left = _DIFF_BYTES
    diffs = []
    for before, after in found.modified:
        if only and after.path != only:
            continue
        size = before.size + after.size
        if only or size <= left:
            left -= size
            diffs.append(_diff(before, after))
        else:
            diffs.append(FileDiff(after.path, [], "Not shown beside all the others."))
    return diffs[:_SHOWN_PATHS]


def _diff(before: Entry, after: Entry) -> FileDiff:
    if before.link or after.link:
        return FileDiff(after.path, [], f"{_named(before)} became {_named(after)}.")
    if before.sha == after.sha:
        return FileDiff(after.path, [], f"Its mode went from {before.mode:o} to {after.mode:o}.")
    if before.size + after.size > 2 * VIEW_BYTES:
        return FileDiff(after.path, [], "Too large to compare here.")
    store = blob_store()
    old, new = (store.path(entry.sha).read_bytes() for entry in (before, after))
    lines = text_diff(after.path, old, new)
    if lines is None:
        return FileDiff(after.path, [], "Not a text.")
    return FileDiff(after.path, diff_lines(lines), "" if lines else "Only its last line end.")


def _named(entry: Entry) -> str:
    return f"A link to {entry.link}" if entry.link else "a file"
