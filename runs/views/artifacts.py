"""What a run made: downloads, and files outside the patterns that somebody wants to keep."""

from __future__ import annotations

from pathlib import PurePosixPath

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from runs.selectors.runs import run_artifacts, run_get
from runs.services.retention import run_keep_file
from runs.stores import blob_store
from runs.views.run import panel_of, run_frame
from studio.lib.downloads import file_response
from studio.lib.refusal import NotFound
from studio.pages import PageRequest, page


@page
def artifacts(request: PageRequest, run_id: int) -> HttpResponse:
    """The files that were kept, and those that only lie on the target."""
    run = run_get(user=request.user, ref=str(run_id))
    context = run_frame(request, run, "artifacts") | panel_of(run, "artifacts")
    return render(request, "runs/run_tab.html", context)


@page
def download(request: PageRequest, run_id: int, path: str) -> HttpResponseBase:
    """One of them."""
    run = run_get(user=request.user, ref=str(run_id))
    found = run_artifacts(run=run).filter(path=path).first()
    if found is None:
        raise NotFound(f"Run {run.pk} has no artifact '{path}'.")
    stored = blob_store().path(found.sha)
    return file_response(request, stored, name=PurePosixPath(path).name, sha=found.sha)


@require_POST
@page
def keep(request: PageRequest, run_id: int) -> HttpResponseRedirect:
    """Make an artifact of a file outside the patterns."""
    run = run_get(user=request.user, ref=str(run_id))
    kept = run_keep_file(user=request.user, run=run, path=request.POST.get("path", ""))
    messages.success(request, f"{kept.path} is kept as an artifact of run {run.pk}.")
    return redirect("runs:artifacts", run.pk)
