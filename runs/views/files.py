"""The files that ran: the snapshot's tree, one file with its syntax, the uncommitted changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

from runs.models import Run
from runs.selectors.files import run_diff, snapshot_file, snapshot_manifest
from runs.selectors.runs import run_get
from runs.snapshots import Entry
from runs.stores import blob_store
from runs.views.run import run_frame
from studio.lib.downloads import file_response
from studio.pages import PageRequest, page

VIEW_BYTES = 512 * 1024
"""Larger files are offered as a download, which the page says."""
_FIRST = ("README.md", "train.py", "main.py")


@dataclass
class Folder:
    """A folder of a snapshot: its folders and files by name."""

    name: str
    path: str = ""
    folders: dict[str, Folder] = field(default_factory=dict)
    files: list[tuple[str, Entry]] = field(default_factory=list)


@dataclass(frozen=True)
class FileView:
    """One file as the page shows it."""

    entry: Entry
    name: str
    html: SafeString | None
    why_not: str


@page
def files(request: PageRequest, run_id: int, path: str = "") -> HttpResponse:
    """The tree, and the file at `path`: the script when none is named."""
    run = run_get(user=request.user, ref=str(run_id))
    manifest = snapshot_manifest(snapshot=run.snapshot)
    shown = path or _first_file(run, manifest.paths)
    context = run_frame(request, run, "files") | {
        "snapshot": run.snapshot,
        "tree": folder_tree(manifest.entries),
        "shown": shown,
        "open_folders": {str(parent) for parent in PurePosixPath(shown).parents},
        "file": _file_view(run, shown) if shown else None,
    }
    return render(request, "runs/run_files.html", context)


@page
def raw(request: PageRequest, run_id: int, path: str) -> HttpResponseBase:
    """A file of the snapshot as a download."""
    run = run_get(user=request.user, ref=str(run_id))
    entry, content = snapshot_file(snapshot=run.snapshot, path=path)
    return file_response(request, content, name=PurePosixPath(path).name, sha=entry.sha)


@page
def diff(request: PageRequest, run_id: int) -> HttpResponse:
    """The uncommitted changes that were part of what ran."""
    run = run_get(user=request.user, ref=str(run_id))
    text = run_diff(run=run).decode("utf-8", errors="replace")
    shown, rest = text[:VIEW_BYTES], len(text) - VIEW_BYTES
    context = run_frame(request, run, "files") | {
        "lines": diff_lines(shown.splitlines()),
        "cut_characters": max(0, rest),
    }
    return render(request, "runs/run_diff.html", context)


@page
def raw_diff(request: PageRequest, run_id: int) -> HttpResponseBase:
    """The same as a patch file."""
    run = run_get(user=request.user, ref=str(run_id))
    answer = HttpResponse(run_diff(run=run), content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="run-{run.pk}.patch"'
    return answer


def folder_tree(entries: Iterable[Entry]) -> Folder:
    """A manifest's flat list as folders within folders, both by name."""
    root = Folder("")
    for entry in sorted(entries, key=lambda e: e.path):
        *parents, file_name = entry.path.split("/")
        folder = root
        for name in parents:
            path = f"{folder.path}/{name}".lstrip("/")
            folder = folder.folders.setdefault(name, Folder(name, path))
        folder.files.append((file_name, entry))
    return root


def _first_file(run: Run, paths: frozenset[str]) -> str:
    wanted = [run.script, *(word for word in run.command if word in paths), *_FIRST]
    return next((path for path in wanted if path in paths), min(paths, default=""))


def _file_view(run: Run, path: str) -> FileView:
    manifest = snapshot_manifest(snapshot=run.snapshot)
    entry = manifest.get(path)
    name = PurePosixPath(path).name
    if entry is not None and entry.link:
        return FileView(entry, name, None, f"A link to {entry.link}.")
    entry, content = snapshot_file(snapshot=run.snapshot, path=path)
    if entry.size > VIEW_BYTES:
        return FileView(entry, name, None, "Too large to show here: download it.")
    data = content.read_bytes()
    if b"\0" in data:
        return FileView(entry, name, None, "Not a text: download it.")
    return FileView(entry, name, _highlighted(entry.sha, name), "")


@lru_cache(maxsize=256)
def _highlighted(sha: str, name: str) -> SafeString:
    """The file in colours; contents never change under a hash, so they are worth keeping."""
    text = blob_store().path(sha).read_text(encoding="utf-8", errors="replace")
    try:
        lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False, ensurenl=False)
    formatter = HtmlFormatter(linenos="inline", cssclass="code", lineanchors="L", wrapcode=False)
    return mark_safe(highlight(text, lexer, formatter))  # noqa: S308  (Pygments escapes)


def diff_lines(lines: Iterable[str]) -> list[tuple[str, str]]:
    """The lines of a diff, each with the class that gives it its colour."""
    return [(_diff_class(line), line) for line in lines]


def _diff_class(line: str) -> str:
    if line.startswith(("diff ", "index ", "--- ", "+++ ", "new file", "deleted file")):
        return "meta"
    return {"+": "add", "-": "del", "@": "hunk"}.get(line[:1], "")
