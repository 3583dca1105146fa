"""Files on their way to the blob store: for each its SHA-256 in hex, its size, its bytes.

pack = 64 hex digits + size as 8 bytes, big-endian + that many bytes, repeated
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator

from studio.client.folder import PIECE_BYTES, FolderRefused, changed

TYPE_CHECKING = False  # see studio.client.folder
if TYPE_CHECKING:
    from studio.client.folder import FileEntry

HEADER = struct.Struct(">64sQ")


def pack_bytes(entries: Iterable[FileEntry]) -> int:
    """How long the pack of these entries will be."""
    return sum(HEADER.size + entry["size"] for entry in entries)


def pack(folder: str | os.PathLike[str], entries: Iterable[FileEntry]) -> Iterator[bytes]:
    """The pack of these files of a folder, in pieces of about 1 MiB.

    Raises:
        FolderRefused: a file is no longer what the scan saw; the pack breaks off before
            its last piece, so nobody can take it for whole.
    """
    buffer = bytearray()
    for entry in entries:
        buffer += HEADER.pack(entry["sha"].encode(), entry["size"])
        for piece in _pieces(os.path.join(folder, entry["path"]), entry):
            buffer += piece
            if len(buffer) >= PIECE_BYTES:
                yield bytes(buffer)
                buffer.clear()
    if buffer:
        yield bytes(buffer)


def _pieces(path: str, entry: FileEntry) -> Iterator[bytes]:
    """The bytes of one file, the last piece only after they proved to be the ones promised."""
    seen, left = hashlib.sha256(), entry["size"]
    held = b""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            while left and (piece := file.read(min(left, PIECE_BYTES))):
                seen.update(piece)
                left -= len(piece)
                yield held
                held = piece
    except OSError as error:
        raise FolderRefused(f"'{entry['path']}' cannot be read ({error.strerror}).") from error
    if seen.hexdigest() != entry["sha"]:
        raise changed(entry["path"])
    yield held
