"""Snapshots from zips and tars, without ever unpacking one to disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Protocol

from runs.blobs import BlobStore
from runs.members import Kind, Member, size_refusal
from runs.rules import TreeRules
from runs.snapshots import Entry, Manifest, ManifestRefused, check_tree
from runs.tars import TarFiles, is_gzip, is_tar
from runs.zips import ZipFiles, is_zip
from studio.client import folder as client

RULES_BYTES = 8 << 20
"""All ignore files of an archive together: they are read before its size is known to be allowed."""
LISTED_A_FILE = 5
"""Files that an archive may list for each that a snapshot may have: rules leave most out."""
FRAME_BYTES = 1024
"""What stands around a file in a tar: its header, and what fills up its last block."""


class Archive(Protocol):
    """A packed tree that can be listed before it is read."""

    @property
    def word(self) -> str:
        """What it is called in sentences."""

    @property
    def members(self) -> list[Member]:
        """Everything in it but folders."""

    def text(self, member: Member) -> bytes:
        """The text of an ignore file."""

    def contents(self, places: Iterable[Any]) -> Iterator[tuple[Any, BinaryIO]]:
        """The contents at some members' `at`, each once."""

    def check(self, files: list[Member]) -> None:
        """Refuse what these files would unpack to, if that is a bomb."""


def snapshot_archive(
    file: BinaryIO, store: BlobStore, *, name: str, max_bytes: int, max_files: int
) -> Manifest:
    """Freeze the files of a zip, a tar or a tar.gz: its first bytes say which it is.

    Raises:
        ManifestRefused: as for `snapshot_zip` and `snapshot_tar`, or it is none of them.
    """
    if is_zip(file):
        return snapshot_zip(file, store, max_bytes=max_bytes, max_files=max_files)
    if is_gzip(file) or is_tar(file):
        return snapshot_tar(file, store, max_bytes=max_bytes, max_files=max_files)
    raise ManifestRefused(
        f"'{name}' is no zip, tar or tar.gz, or it is damaged: pack the folder again."
    )


def snapshot_zip(file: BinaryIO, store: BlobStore, *, max_bytes: int, max_files: int) -> Manifest:
    """Freeze the files of a zip: their contents are in the store afterwards.

    A single folder at its top is taken off, then the same ignore rules hold as in a
    folder. Everything that can be refused is refused before a content is read.

    Raises:
        ManifestRefused: it is damaged, encrypted, too big, or has files that must not be.
    """
    with ZipFiles(file, most_files=LISTED_A_FILE * max_files) as archive:
        return _frozen(archive, store, max_bytes, max_files)


def snapshot_tar(file: BinaryIO, store: BlobStore, *, max_bytes: int, max_files: int) -> Manifest:
    """Freeze the files of a tar or tar.gz: as `snapshot_zip`, with the same snapshot.

    Raises:
        ManifestRefused: it is damaged, too big, or has files that must not be.
    """
    most_bytes = LISTED_A_FILE * (max_bytes + max_files * FRAME_BYTES)
    most_files = LISTED_A_FILE * max_files
    with TarFiles(
        file, most_files=most_files, most_bytes=most_bytes, rules_bytes=RULES_BYTES
    ) as archive:
        return _frozen(archive, store, max_bytes, max_files)


def _frozen(archive: Archive, store: BlobStore, max_bytes: int, max_files: int) -> Manifest:
    members = _without_top(archive.members)
    rules = _rules(archive, members)
    members = [member for member in members if rules.left_out(member.path) is None]
    check_tree((member.path, member.link) for member in members)
    files = [member for member in members if member.kind != Kind.LINK]
    for member in files:
        if member.kind == Kind.OTHER:
            raise ManifestRefused(
                f"'{member.path}' in the {archive.word} is neither a file nor a link."
            )
    with size_refusal():
        client.check_size([(m.path, m.size) for m in files], max_bytes, max_files)
    archive.check(files)
    kept = {at: store.put(content) for at, content in archive.contents(m.at for m in files)}
    entries = [Entry(m.path, link=m.link) for m in members if m.kind == Kind.LINK]
    for member in files:
        sha, size = kept[member.at]
        entries.append(Entry(member.path, client.file_mode(member.mode), size, sha))
    return Manifest.of(entries)


def _without_top(members: list[Member]) -> list[Member]:
    """The members as seen from inside, when one folder at the top holds them all."""
    tops = {member.path.partition("/")[0] for member in members}
    if len(tops) != 1 or any("/" not in member.path for member in members):
        return members
    return [member.below_top() for member in members]


def _rules(archive: Archive, members: list[Member]) -> TreeRules:
    files = {member.path: member for member in members if member.kind == Kind.FILE}
    left_bytes = RULES_BYTES

    def read(path: str) -> bytes:
        nonlocal left_bytes
        left_bytes -= files[path].size
        if left_bytes < 0:
            raise ManifestRefused(
                f"The ignore files of the {archive.word} are too big, up to '{path}'."
            )
        return archive.text(files[path])

    return TreeRules(files, read)
