"""What became of files: from one snapshot to another, and from a run to now."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from runs.models import Snapshot
from runs.selectors.files import snapshot_changes, snapshot_get
from runs.selectors.runs import run_get
from runs.services.sources import run_source_now
from runs.views.diffviews import changes_diff
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.pages import PageRequest, current_workspace, page


@page
def changes(request: PageRequest, digest: str) -> HttpResponse:
    """From one snapshot of the workspace to another: added, removed, modified, with diffs."""
    workspace = current_workspace(request)
    old = snapshot_get(user=request.user, workspace=workspace, digest=digest)
    to = request.GET.get("to", "")
    new = snapshot_get(user=request.user, workspace=workspace, digest=to)
    context = {"section": "sources"} | snapshots_diff(request, old, new)
    return render(request, "runs/changes.html", context)


@page
def run_changes(request: PageRequest, run_id: int) -> HttpResponse:
    """From what a run ran to its source or folder as it is now; a part of a page when asked so."""
    run = run_get(user=request.user, ref=str(run_id))
    context: dict[str, object] = {"section": "runs", "run": run}
    try:
        now = run_source_now(user=request.user, run=run)
        context |= snapshots_diff(request, run.snapshot, now)
    except (Forbidden, NotFound):
        raise
    except Refused as error:
        context["problem"] = error.sentence
    part = "runs/parts/changes.html" if request.htmx else "runs/changes.html"
    return render(request, part, context)


def snapshots_diff(request: PageRequest, old: Snapshot, new: Snapshot) -> dict[str, Any]:
    """What became of the files of one snapshot in the other, as the address asks for it."""
    found = snapshot_changes(old=old, new=new)
    only = request.GET.get("path", "")
    is_split = request.GET.get("view") == "split"
    return {
        "old": old,
        "new": new,
        "found": found,
        "diff": changes_diff(found, only=only, is_split=is_split),
        "diff_url": f"{reverse('runs:changes', args=[old.digest])}?to={new.digest}&",
        "patch_url": f"{reverse('api:snapshot_changes', args=[old.digest])}?to={new.digest}",
        "is_split": is_split,
        "only": only,
    }
