"""Taking a pack of files apart as it arrives; `studio.client.pack` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from runs.blobs import BlobStore
from studio.client.pack import HEADER

_PIECE_BYTES = 1 << 20


def read_pack(stream: BinaryIO, store: BlobStore) -> Iterator[tuple[str, int]]:
    """Keep each content of a pack: (hash, size) of one after the other, as it is kept.

    Raises:
        ValueError: the pack is broken, in one sentence; what came before it is kept.
    """
    while header := _exactly(stream, HEADER.size):
        name, size = HEADER.unpack(header)
        sha = name.decode("ascii", errors="replace")
        store.path(sha)  # refuses what is no hash before anything is written
        with store.writer(sha) as into:
            while into.size < size:
                into.write(_some(stream, min(_PIECE_BYTES, size - into.size)))
        yield sha, size


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """The next `size` bytes; none at the end of the stream."""
    data = stream.read(size)
    while data and len(data) < size:
        data += _some(stream, size - len(data))
    return data


def _some(stream: BinaryIO, size: int) -> bytes:
    piece = stream.read(size)
    if not piece:
        raise ValueError("The pack ends in the middle of a file: send it again.")
    return piece
