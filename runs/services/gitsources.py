"""Freezing commits of git repositories, with the workspace's credentials and known hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from runs.gitprocess import Access, Bounds
from runs.giturls import SSH, Address, GitRefused
from runs.mirrors import opened
from runs.models import GitCredential, GitHost
from runs.selectors.credentials import credential_for
from runs.snapshots import Manifest
from runs.stores import blob_store
from runs.submission import GitSource
from studio.lib.refusal import Refused
from studio.lib.vault import decrypt
from studio.models import Workspace

if TYPE_CHECKING:
    from runs.gittrees import Frozen

FETCH_S = 600
"""How long fetching and freezing may take together."""
_FETCHED_A_BYTE = 4
"""Bytes that may be fetched for each that a snapshot may have: most may lie in other folders."""
_NAMED = 10


def git_freeze(
    *,
    workspace: Workspace,
    source: GitSource,
    address: Address,
    beat: Callable[[str], None] = lambda _: None,
) -> tuple[Manifest, dict[str, object]]:
    """Freeze what a source means now: (manifest, git facts). `beat` hears that it goes on.

    Raises:
        Refused: it cannot be fetched, or not be part of a snapshot for its address or ref.
        ManifestRefused, FolderRefused: its files cannot become a snapshot.
    """
    credential = credential_for(workspace=workspace, address=address, name=source.credential)
    access = _access(workspace, address, credential)
    fetched = _FETCHED_A_BYTE * settings.SNAPSHOT_MAX_BYTES
    bounds = Bounds(time.monotonic() + FETCH_S, fetched, beat)
    folder = source.folder.strip().strip("/")
    try:
        with opened(mirrors(), str(workspace.pk), address, access, bounds) as mirror:
            try:
                commit = mirror.commit(source.ref.strip())
            finally:
                _note_hosts(workspace, mirror.room.new_hosts())
            from runs.gittrees import freeze_commit  # noqa: PLC0415  (0.1 s; few processes need it)

            frozen = freeze_commit(
                mirror,
                commit.sha,
                source.folder.strip(),
                blob_store(),
                max_bytes=settings.SNAPSHOT_MAX_BYTES,
                max_files=settings.SNAPSHOT_MAX_FILES,
            )
    except GitRefused as error:
        raise Refused(str(error), field="source") from error
    if credential is not None:
        GitCredential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now())
    facts: dict[str, object] = {
        "repository": address.url,
        "branch": commit.branch,
        "commit": commit.sha,
        "dirty": False,
        "folder": folder,
        "notes": _notes(frozen),
    }
    return frozen.manifest, facts


def mirrors() -> Path:
    """Where the mirrors of all workspaces lie."""
    folder: Path = settings.DATA_DIR / "mirrors"
    return folder


def _access(workspace: Workspace, address: Address, credential: GitCredential | None) -> Access:
    known: tuple[str, ...] = ()
    if address.kind == SSH:
        hosts = GitHost.objects.filter(workspace=workspace)
        known = tuple(f"{host.name} {host.key_type} {host.key}" for host in hosts)
    if credential is None:
        return Access(known_hosts=known)
    try:
        secret = decrypt(credential.secret)
    except ValueError as error:
        raise Refused(
            f"The credential '{credential.name}' was encrypted with another key: an admin of the "
            "workspace removes it and adds it again.",
            field="credential",
        ) from error
    if credential.kind == GitCredential.Kind.SSH_KEY:
        return Access(private_key=secret, known_hosts=known)
    return Access(token=secret, token_user=credential.username)


def _note_hosts(workspace: Workspace, lines: Iterable[str]) -> None:
    """Pin the keys of hosts that were seen for the first time."""
    rows = [line.split()[:3] for line in lines if len(line.split()) >= 3]
    GitHost.objects.bulk_create(
        [GitHost(workspace=workspace, name=n, key_type=t, key=k) for n, t, k in rows],
        ignore_conflicts=True,
    )


def _notes(frozen: Frozen) -> list[str]:
    """What a checkout by hand might have besides, as sentences."""
    notes = []
    if frozen.submodules:
        notes.append(f"Submodules were left out: {_some(frozen.submodules)}.")
    if frozen.pointers:
        notes.append(
            f"These files are Git LFS pointers, not the contents: {_some(frozen.pointers)}."
        )
    return notes


def _some(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
