"""Freezing script directories: claims on blobs, snapshots, and reading them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from runs.archives import snapshot_archive
from runs.giturls import LOCAL, Address, GitRefused, read_address
from runs.mirrors import check_ref
from runs.models import Blob, Snapshot
from runs.packs import read_pack
from runs.selectors.credentials import credential_for
from runs.selectors.files import snapshot_manifest
from runs.selectors.folders import linked_folder
from runs.services.gitsources import git_freeze
from runs.snapshots import Manifest, ManifestRefused, read_difference, snapshot_folder
from runs.stores import blob_store
from runs.submission import Files, FolderSource, GitSource, SnapshotSource
from studio.client.folder import FolderRefused
from studio.client.gitfacts import git_facts
from studio.lib.refusal import Refused
from studio.lib.rows import only
from studio.models import Workspace

Frozen = tuple[Snapshot, Manifest, dict[str, object]]
"""The record of a snapshot, its manifest, and what git knows of the files."""

PIN = timedelta(hours=24)
"""How long a blob that somebody asked about or sent is kept without being referred to."""
SLACK = timedelta(hours=1)
"""A pin that ends so little earlier is not written anew: a source may have thousands."""


def blobs_claim(*, workspace: Workspace, blobs: Iterable[tuple[str, int]]) -> None:
    """Let the workspace own these contents, pinned for a day."""
    until = timezone.now() + PIN
    sizes = dict(blobs)
    pinned: set[str] = set()
    for batch in _batches(list(sizes), 500):
        rows = Blob.objects.filter(workspace=workspace, sha__in=batch)
        rows = rows.filter(pinned_until__gte=until - SLACK)
        pinned |= set(rows.values_list("sha", flat=True))
    Blob.objects.bulk_create(
        [
            Blob(workspace=workspace, sha=sha, size_bytes=size, pinned_until=until)
            for sha, size in sizes.items()
            if sha not in pinned
        ],
        update_conflicts=True,
        unique_fields=["workspace", "sha"],
        update_fields=["pinned_until"],
        batch_size=500,
    )


def blobs_receive(*, workspace: Workspace, stream: BinaryIO) -> int:
    """Store a pack of blobs for this workspace and answer how many there were.

    Blobs that arrived whole before a broken pack are kept: sending again is harmless.
    """
    received: list[tuple[str, int]] = []
    try:
        received.extend(read_pack(stream, blob_store()))
    except ValueError as error:
        raise Refused(str(error)) from error
    finally:
        blobs_claim(workspace=workspace, blobs=received)
    return len(received)


def snapshot_create(*, workspace: Workspace, manifest_json: bytes) -> tuple[str, list[str]]:
    """Make a snapshot of a manifest whose blobs the workspace has: (digest, missing blobs).

    The manifest may be told as what differs from a snapshot of the workspace.

    It exists once nothing is missing. "Missing" never reveals what other workspaces own:
    a blob counts only when this one has sent or used it.
    """
    try:
        difference = read_difference(manifest_json)
        if difference is None:
            manifest = Manifest.from_json(manifest_json, **_limits())
        else:
            base = _base(workspace, difference.base)
            manifest = Manifest.from_items(difference.items(base), **_limits())
    except ManifestRefused as error:
        raise Refused(str(error), field="source") from error
    missing = _missing(workspace, manifest)
    if not missing:
        snapshot_store(workspace=workspace, manifest=manifest)
    return manifest.digest, missing


def _base(workspace: Workspace, digest: str) -> Manifest:
    known = only(Snapshot.objects.filter(workspace=workspace, digest=digest))
    if known is None:
        raise Refused(
            f"The snapshot {digest[:12]} is not known here: send the whole manifest.",
            field="source",
            code="base_missing",
        )
    return snapshot_manifest(snapshot=known)


def _missing(workspace: Workspace, manifest: Manifest) -> list[str]:
    wanted = sorted({entry.sha for entry in manifest.entries if entry.sha})
    owned: set[str] = set()
    until = timezone.now() + PIN
    for batch in _batches(wanted, 500):
        rows = Blob.objects.filter(workspace=workspace, sha__in=batch)
        owned |= set(rows.values_list("sha", flat=True))
        rows.filter(pinned_until__lt=until - SLACK).update(pinned_until=until)
    store = blob_store()
    return [sha for sha in wanted if sha not in owned or not store.has(sha)]


def _batches(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


@transaction.atomic
def snapshot_store(*, workspace: Workspace, manifest: Manifest) -> Snapshot:
    """Record a manifest whose blobs are all stored; the same files give the same row."""
    known = only(Snapshot.objects.filter(workspace=workspace, digest=manifest.digest))
    if known is not None:
        return known
    text = manifest.to_json()
    blob_store().put(text, sha=manifest.digest)
    entries = [(entry.sha, entry.size) for entry in manifest.entries if entry.sha]
    blobs_claim(workspace=workspace, blobs=[*entries, (manifest.digest, len(text))])
    snapshot, _ = Snapshot.objects.get_or_create(
        workspace=workspace,
        digest=manifest.digest,
        defaults={"file_count": manifest.file_count, "size_bytes": manifest.size_bytes},
    )
    return snapshot


def snapshot_check(*, workspace: Workspace, digest: str, field: str) -> None:
    """Refuse a snapshot that the workspace does not have; one that it has stays for a day at least.

    Raises:
        Refused: with the code by which clients know that it has to be sent.
    """
    known = only(Snapshot.objects.filter(workspace=workspace, digest=digest))
    if known is None:
        raise _unknown(digest, field)
    _missing(workspace, snapshot_manifest(snapshot=known))


def _unknown(digest: str, field: str) -> Refused:
    return Refused(
        f"The snapshot {digest[:12]} is not known here: send its manifest.",
        field=field,
        code="snapshot_missing",
    )


def source_freeze(
    *, workspace: Workspace, source: Files, beat: Callable[[str], None] = lambda _: None
) -> Frozen:
    """Turn what a person pointed at into a snapshot; `beat` hears how a fetch goes.

    Raises:
        Refused: the source cannot become one; the sentence says what to do.
    """
    try:
        if isinstance(source, SnapshotSource):
            snapshot = only(Snapshot.objects.filter(workspace=workspace, digest=source.digest))
            if snapshot is None:
                raise _unknown(source.digest, "source")
            return snapshot, snapshot_manifest(snapshot=snapshot), {}
        if isinstance(source, FolderSource):
            folder = linked_folder(source.path)
            manifest = snapshot_folder(folder, blob_store(), **_limits())
            facts = git_facts(folder)
        elif isinstance(source, GitSource):
            address = git_address(source.url)
            manifest, facts = git_freeze(
                workspace=workspace, source=source, address=address, beat=beat
            )
        else:
            store, facts = blob_store(), {}
            manifest = snapshot_archive(source.file, store, name=source.filename, **_limits())
    except (FolderRefused, ManifestRefused) as error:
        raise Refused(str(error), field="source") from error
    return snapshot_store(workspace=workspace, manifest=manifest), manifest, facts


def git_check(*, workspace: Workspace, source: GitSource) -> None:
    """Refuse a git source that cannot be fetched whatever lies there."""
    address = git_address(source.url)
    try:
        check_ref(source.ref.strip())
    except GitRefused as error:
        raise Refused(str(error), field="ref") from error
    for field, text, most in (("ref", source.ref, 255), ("folder", source.folder, 1000)):
        if len(text) > most or not text.isprintable():
            raise Refused(
                f"The {field} is longer than {most:,} characters or holds control characters.",
                field=field,
            )
    credential_for(workspace=workspace, address=address, name=source.credential)


def git_address(url: str) -> Address:
    """What a repository's address means; a path must lie under one of the link roots."""
    try:
        address = read_address(url)
    except GitRefused as error:
        raise Refused(str(error), field="source") from error
    if address.kind == LOCAL:
        return replace(address, path=str(linked_folder(address.path)))
    return address


def _limits() -> dict[str, int]:
    return {
        "max_bytes": settings.SNAPSHOT_MAX_BYTES,
        "max_files": settings.SNAPSHOT_MAX_FILES,
    }
