"""The files that a submission would run, as far as they can be seen before it is sent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from runs.selectors.files import snapshot_get, snapshot_manifest
from runs.selectors.folders import linked_folder
from runs.selectors.sources import source_files, source_get, source_newest
from runs.services.snapshots import git_check
from runs.stores import blob_store
from runs.submission import Files, FolderSource, GitSource, SavedSource, SnapshotSource
from runs.trees import Tree, in_time, tree_of_folder, tree_of_manifest
from studio.client.folder import FolderRefused
from studio.lib.refusal import Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role

LISTING_S = 1.2
"""How long the list of a server folder may take while somebody types."""
_REMEMBERED_S = 2.0


@dataclass(frozen=True)
class Seen:
    """The files of a submission as far as they can be seen, or why not."""

    tree: Tree | None
    why_not: str = ""
    refusal: Refused | None = None
    """What submitting would be refused for."""


def submission_files(
    *,
    user: User,
    workspace: Workspace,
    source: Files | SavedSource,
    looked: str = "",
    patience_s: float = LISTING_S,
) -> Seen:
    """The files that would run. Nothing is frozen and nothing fetched.

    `looked` is a snapshot that was made of an archive or a repository a moment ago;
    `patience_s` is how long the list of a server folder may take.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    if not _is_chosen(source):
        return Seen(None, "No files are chosen yet.")
    try:
        return _seen(user, workspace, source, looked, patience_s)
    except FolderRefused as error:
        return Seen(None, str(error), Refused(str(error), field="source"))
    except Refused as error:
        return Seen(None, error.sentence, error)


def _is_chosen(source: Files | SavedSource) -> bool:
    """Whether a form that is half filled in points at something."""
    return any(getattr(source, name, "") for name in ("name", "path", "url", "digest", "file"))


def _seen(
    user: User,
    workspace: Workspace,
    source: Files | SavedSource,
    looked: str,
    patience_s: float,
) -> Seen:
    note = ""
    if isinstance(source, GitSource):
        git_check(workspace=workspace, source=source)
    if isinstance(source, SavedSource):
        saved = source_get(user=user, workspace=workspace, name=source.name)
        newest = source_newest(source=saved)
        source = source_files(source=saved)
        if isinstance(source, GitSource) and newest is not None and not looked:
            looked, note = newest.snapshot.digest, "as they were fetched last"
    if isinstance(source, FolderSource):
        return _seen_folder(linked_folder(source.path), patience_s)
    digest = source.digest if isinstance(source, SnapshotSource) else looked
    if not digest:
        what = "repository is fetched" if isinstance(source, GitSource) else "archive is unpacked"
        return Seen(None, f"The {what} on submit: its files are not known before.")
    snapshot = snapshot_get(user=user, workspace=workspace, digest=digest)
    manifest = snapshot_manifest(snapshot=snapshot)
    return Seen(tree_of_manifest(manifest, blob_store().path, note))


def _seen_folder(folder: Path, patience_s: float) -> Seen:
    tree = in_time(lambda: _listed(folder, int(time.monotonic() / _REMEMBERED_S)), patience_s)
    if tree is None:
        return Seen(None, f"The folder was not listed within {patience_s} s: it is large or slow.")
    return Seen(tree)


@lru_cache(maxsize=8)
def _listed(folder: Path, _moment: int) -> Tree:
    """The files of a folder, at most a moment ago: a page asks with each key that is pressed."""
    limits = {"max_bytes": settings.SNAPSHOT_MAX_BYTES, "max_files": settings.SNAPSHOT_MAX_FILES}
    return tree_of_folder(folder, **limits)
