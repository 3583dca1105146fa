"""The files that ran: the snapshot's tree, one file with its syntax, all of them as a zip."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from runs.finder import find_paths
from runs.models import Run
from runs.selectors.files import snapshot_file, snapshot_manifest
from runs.selectors.runs import run_get
from runs.snapshots import Manifest
from runs.views.fileviews import FileView, file_image_type, file_view
from runs.views.run import run_frame
from runs.views.trees import tree_html
from runs.views.zips import snapshot_files, zip_response
from studio.lib.downloads import file_response
from studio.lib.refusal import NotFound
from studio.pages import PageRequest, page

_FIRST = ("README.md", "train.py", "main.py")


@page
def files(request: PageRequest, run_id: int, path: str = "") -> HttpResponse:
    """The tree, and the file at `path`: the script when none is named."""
    run = run_get(user=request.user, ref=str(run_id))
    manifest = snapshot_manifest(snapshot=run.snapshot)
    shown = path or _first_file(run, manifest.paths)
    letters = request.GET.get("find", "").strip()
    context = run_frame(request, run, "files") | {
        "snapshot": run.snapshot,
        "find": letters,
        "found": find_paths(manifest.paths, letters),
        "tree": _tree(run, manifest, shown),
        "shown": shown,
        "parents": _parents(shown),
    }
    if shown:
        context |= _file(manifest, shown)
    return render(request, "runs/run_files.html", context)


@page
def raw(request: PageRequest, run_id: int, path: str) -> HttpResponseBase:
    """A file of the snapshot as a download."""
    run = run_get(user=request.user, ref=str(run_id))
    entry, content = snapshot_file(snapshot=run.snapshot, path=path)
    name = PurePosixPath(path).name
    kind = file_image_type(entry.sha, name) or "application/octet-stream"
    return file_response(request, content, name=name, sha=entry.sha, content_type=kind)


@page
def snapshot_zip(request: PageRequest, run_id: int) -> HttpResponseBase:
    """All files of the snapshot."""
    run = run_get(user=request.user, ref=str(run_id))
    entries = snapshot_manifest(snapshot=run.snapshot).entries
    return zip_response(snapshot_files(entries), name=f"run-{run.pk}-code.zip")


def _tree(run: Run, manifest: Manifest, shown: str) -> str:
    links = {entry.path: f"→ {entry.link}" for entry in manifest.entries if entry.link}
    base = reverse("runs:files", args=[run.pk])
    return tree_html(manifest.paths, base=base, shown=shown, note=lambda path: links.get(path, ""))


def _file(manifest: Manifest, path: str) -> dict[str, Any]:
    entry = manifest.get(path)
    if entry is None:
        raise NotFound(f"There is no file '{path}' in the snapshot {manifest.digest[:12]}.")
    if entry.link:
        view = FileView(kind="nothing", note=f"A link to {entry.link}.")
    else:
        view = file_view(sha=entry.sha, name=PurePosixPath(path).name, size=entry.size)
    return {"entry": entry, "file": view, "file_name": PurePosixPath(path).name}


def _parents(path: str) -> list[str]:
    return path.split("/")[:-1]


def _first_file(run: Run, paths: frozenset[str]) -> str:
    wanted = [run.script, *(word for word in run.command if word in paths), *_FIRST]
    return next((path for path in wanted if path in paths), min(paths, default=""))
