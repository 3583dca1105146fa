"""What a run made: a look at each file, downloads, and files outside the patterns to keep."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from runs.models import Artifact, Run
from runs.selectors.runs import run_artifacts, run_get
from runs.services.retention import run_keep_file
from runs.stores import blob_store
from runs.views.artifactlist import LISTED
from runs.views.fileviews import file_image_type, file_view
from runs.views.run import panel_of, run_frame
from runs.views.trees import tree_html
from runs.views.zips import artifact_files, zip_response
from studio.lib.downloads import file_response
from studio.lib.refusal import NotFound
from studio.pages import PageRequest, page


@page
def artifacts(request: PageRequest, run_id: int) -> HttpResponse:
    """The files that were kept, and those that only lie on the target."""
    run = run_get(user=request.user, ref=str(run_id))
    context = run_frame(request, run, "artifacts") | panel_of(run, "artifacts")
    return render(request, "runs/run_artifacts.html", context)


@page
def shown(request: PageRequest, run_id: int, path: str) -> HttpResponse:
    """One of them, as a page can show it: never as a page of its own."""
    run = run_get(user=request.user, ref=str(run_id))
    artifact = _artifact(run, path)
    name = PurePosixPath(path).name
    as_text = request.GET.get("as") == "text"
    paths = run_artifacts(run=run).values_list("path", flat=True)[:LISTED]
    base = reverse("runs:artifact_view", args=[run.pk, "-"])[:-1]
    view = file_view(sha=artifact.sha, name=name, size=artifact.size_bytes, is_data=not as_text)
    context = run_frame(request, run, "artifacts") | {
        "artifact": artifact,
        "file_name": name,
        "parents": path.split("/")[:-1],
        "file": view,
        "as_text": as_text,
        "tree": tree_html(paths, base=base, shown=path),
        "shell_line": shlex.join(["runyard", "download", str(run.pk), path]),
        "fetch_line": f"Workspace.from_config().get_run({run.pk}).download_file({path!r})",
    }
    return render(request, "runs/run_artifact.html", context)


@page
def download(request: PageRequest, run_id: int, path: str) -> HttpResponseBase:
    """One of them."""
    run = run_get(user=request.user, ref=str(run_id))
    found = _artifact(run, path)
    name = PurePosixPath(path).name
    kind = file_image_type(found.sha, name) or "application/octet-stream"
    stored = blob_store().path(found.sha)
    return file_response(request, stored, name=name, sha=found.sha, content_type=kind)


@page
def zipped(request: PageRequest, run_id: int) -> HttpResponseBase:
    """All of them, or those below `folder`."""
    run = run_get(user=request.user, ref=str(run_id))
    folder = request.GET.get("folder", "").strip("/")
    rows = run_artifacts(run=run)
    found = [a for a in rows if not folder or a.path.startswith(f"{folder}/")]
    if folder and not found:
        raise NotFound(f"Run {run.pk} has no artifacts below '{folder}'.")
    what = f"-{folder.replace('/', '-')}" if folder else "-artifacts"
    return zip_response(artifact_files(found), name=f"run-{run.pk}{what}.zip")


@require_POST
@page
def keep(request: PageRequest, run_id: int) -> HttpResponseRedirect:
    """Make an artifact of a file outside the patterns."""
    run = run_get(user=request.user, ref=str(run_id))
    kept = run_keep_file(user=request.user, run=run, path=request.POST.get("path", ""))
    messages.success(request, f"{kept.path} is kept as an artifact of run {run.pk}.")
    return redirect("runs:artifacts", run.pk)


def _artifact(run: Run, path: str) -> Artifact:
    found = run_artifacts(run=run).filter(path=path).first()
    if found is None:
        raise NotFound(f"Run {run.pk} has no artifact '{path}'.")
    return found
