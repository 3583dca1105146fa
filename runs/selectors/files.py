"""Reading what a run keeps: snapshot files, log streams, resource samples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from runs.changes import Changes, manifest_changes
from runs.models import Run, Snapshot
from runs.selectors.runs import run_attempt
from runs.snapshots import Entry, Manifest
from runs.stores import blob_store, log_store
from studio.lib.refusal import NotFound
from studio.models import User, Workspace
from studio.selectors import workspaces_of

_HIDDEN_STREAMS = frozenset({"times", "metrics.jsonl", "samples.jsonl"})


@dataclass(frozen=True)
class Stream:
    """One log of a run and how many bytes of it are stored."""

    name: str
    size: int


def snapshot_get(*, user: User, workspace: Workspace, digest: str) -> Snapshot:
    """A snapshot of one of the caller's workspaces."""
    found = Snapshot.objects.filter(
        workspace__in=workspaces_of(user=user), workspace_id=workspace.pk, digest=digest
    ).first()
    if found is None:
        raise NotFound(f"There is no snapshot '{digest[:12]}' that you can see.")
    return found


def snapshot_manifest(*, snapshot: Snapshot) -> Manifest:
    """The list of its files."""
    return _manifest(blob_store().path(snapshot.digest))


@lru_cache(maxsize=4)  # runs come in families, and what a digest names never changes
def _manifest(path: Path) -> Manifest:
    return Manifest.trusted(path.read_bytes())


def snapshot_file(*, snapshot: Snapshot, path: str) -> tuple[Entry, Path]:
    """One file of a snapshot: its entry and where its content lies."""
    entry = snapshot_manifest(snapshot=snapshot).get(path)
    if entry is None or not entry.sha:
        raise NotFound(f"There is no file '{path}' in the snapshot {snapshot.digest[:12]}.")
    return entry, blob_store().path(entry.sha)


def snapshot_changes(*, old: Snapshot, new: Snapshot) -> Changes:
    """What became of the files from one snapshot to another."""
    return manifest_changes(snapshot_manifest(snapshot=old), snapshot_manifest(snapshot=new))


def run_streams(*, run: Run) -> list[Stream]:
    """The logs of the newest attempt: what the command printed first, then its log files."""
    prefix = f"{run_attempt(run=run).task}/"
    store = log_store()
    names = sorted({key.removeprefix(prefix) for key in store.keys(prefix)} - _HIDDEN_STREAMS)
    names.sort(key=lambda name: name != "run.log")
    return [Stream(name, store.size(prefix + name)) for name in names]


def run_samples(*, run: Run) -> list[dict[str, Any]]:
    """Resource use of the run's process tree over time, as the sampler noted it."""
    key = f"{run_attempt(run=run).task}/samples.jsonl"
    store = log_store()
    lines = store.read(key, 0, store.size(key)).splitlines()
    return [sample for sample in map(_sample, lines) if sample is not None]


def _sample(line: bytes) -> dict[str, Any] | None:
    """What a line of samples says; None for one that is not whole, or was written by a script."""
    try:
        sample = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return sample if isinstance(sample, dict) and "t" in sample else None


def run_diff(*, run: Run) -> bytes:
    """The uncommitted changes that were part of what ran; empty when there were none."""
    sha = run.git.get("diff")
    if not sha:
        return b""
    with blob_store().open(str(sha)) as file:
        return file.read()
