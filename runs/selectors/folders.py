"""Folders of the studio's machine that may be submitted, and a way to look for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from studio.client.folder import name_trouble
from studio.lib.refusal import Refused

MAX_LISTED = 1000
"""Folders that are listed of one folder; the page says when there are more."""


@dataclass(frozen=True)
class FolderView:
    """A folder and what lies in it, for somebody who looks for theirs."""

    path: str
    """Empty above the roots, when there are several."""
    above: list[tuple[str, str]]
    """(name, path) from the root down to the folder itself."""
    folders: list[tuple[str, str]]
    """(name, path), by name."""
    files: list[str]
    more: int
    """How many folders are not listed."""
    why_not: str
    """Why this folder cannot be chosen; empty when it can."""


def linked_folder(path: str) -> Path:
    """The real folder behind `path`, if it lies under one of the link roots."""
    roots = _roots()
    if not Path(path).expanduser().is_absolute() or "\0" in path:
        raise Refused(f"'{path}' is not an absolute path: begin it with /.", field="source")
    folder = _real(Path(path).expanduser())
    allowed = ", ".join(str(root) for root in roots)
    if not any(folder.is_relative_to(root) for root in roots):
        raise Refused(
            f"The folder '{path}' lies outside the allowed folders ({allowed}): choose one below "
            "them, or add it to RUNYARD_LINK_ROOTS.",
            field="source",
        )
    if not folder.is_dir():
        raise Refused(f"There is no folder '{path}' on the studio's machine.", field="source")
    data = settings.DATA_DIR.resolve()
    if folder.is_relative_to(data) or data.is_relative_to(folder):
        raise Refused(
            f"The folder '{path}' holds the studio's own data and keys: choose another one.",
            field="source",
        )
    return folder


def folder_view(*, path: str) -> FolderView:
    """What lies in a folder below the link roots; the roots themselves for an empty path.

    Hidden folders, the studio's own data and whatever leads out are not there.

    Raises:
        Refused: it may not be looked at, or cannot be read.
    """
    roots = _roots()
    if not path and len(roots) > 1:
        listed = [(str(root), str(root)) for root in roots]
        return FolderView("", [], listed, [], 0, "Choose one of the folders that may be used.")
    folder = _real(path.replace("\0", "")) if path else roots[0]
    root = next((root for root in roots if folder.is_relative_to(root)), None)
    if root is None or not _is_open(folder, root):
        raise Refused(f"'{path}' is none of the folders that may be looked at.", field="source")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise Refused(f"'{path}' cannot be read ({error.strerror}).", field="source") from error
    folders = [(entry.name, entry.path) for entry in _open_folders(entries, roots)]
    files = [entry.name for entry in entries if _is_shown(entry.name) and _is_file(entry.path)]
    shown = folders[:MAX_LISTED]
    above = list(_steps(root, folder))
    more = len(folders) - len(shown)
    return FolderView(str(folder), above, shown, files, more, _why_not(folder))


def _real(path: str | Path) -> Path:
    """Where a path leads; links in a circle lead nowhere instead of raising."""
    return Path(os.path.realpath(path))


# unlike pathlib's, these take what cannot be looked at for nothing instead of raising
_is_folder, _is_file = os.path.isdir, os.path.isfile


def _roots() -> list[Path]:
    roots = [root.resolve() for root in settings.LINK_ROOTS]
    if not roots:
        raise Refused(
            "Server folders are switched off: set RUNYARD_LINK_ROOTS to the folders that may be "
            "used, or upload a zip.",
            field="source",
        )
    return roots


def _open_folders(entries: list[os.DirEntry[str]], roots: list[Path]) -> Iterator[os.DirEntry[str]]:
    for entry in entries:
        if not _is_shown(entry.name) or not _is_folder(entry.path):
            continue
        real = _real(entry.path)
        if any(real.is_relative_to(root) and _is_open(real, root) for root in roots):
            yield entry


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name_trouble(name) is None


def _is_open(folder: Path, root: Path) -> bool:
    """Whether one may look into a folder below a root."""
    hidden = any(part.startswith(".") for part in folder.relative_to(root).parts)
    return not hidden and not folder.is_relative_to(settings.DATA_DIR.resolve())


def _steps(root: Path, folder: Path) -> Iterator[tuple[str, str]]:
    yield str(root), str(root)
    at = root
    for part in folder.relative_to(root).parts:
        at = at / part
        yield part, str(at)


def _why_not(folder: Path) -> str:
    try:
        linked_folder(str(folder))
    except Refused as error:
        return error.sentence
    return ""
