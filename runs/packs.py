"""Taking a pack of files apart as it arrives; `studio.client.pack` makes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import BinaryIO

from runs.blobs import WRITERS, BlobStore
from studio.client.pack import HEADER

_PIECE_BYTES = 1 << 20

Kept = tuple[str, int]


def read_pack(stream: BinaryIO, store: BlobStore) -> Iterator[Kept]:
    """Keep each content of a pack: (hash, size) of one after the other, once it is kept.

    Raises:
        ValueError: the pack is broken, in one sentence; what came before it is kept.
    """
    ahead: deque[Future[Kept]] = deque()
    trouble: Exception | None = None
    with ThreadPoolExecutor(WRITERS) as pool:
        try:
            for future in _contents(stream, store, pool):
                ahead.append(future)
                if len(ahead) > WRITERS:
                    yield ahead.popleft().result()
        except (ValueError, OSError) as error:
            trouble = error
        for future in ahead:
            yield future.result()
    if trouble:
        raise trouble


def _contents(stream: BinaryIO, store: BlobStore, pool: Executor) -> Iterator[Future[Kept]]:
    while begun := stream.read(HEADER.size):
        name, size = HEADER.unpack(_exactly(stream, HEADER.size, begun))
        sha = name.decode("ascii", errors="replace")
        store.path(sha)  # refuses what is no hash before anything is read
        if size <= _PIECE_BYTES:
            yield pool.submit(store.put, _exactly(stream, size), sha)
        else:
            yield _done(_keep_large(stream, store, sha, size))


def _keep_large(stream: BinaryIO, store: BlobStore, sha: str, size: int) -> Kept:
    with store.writer(sha) as into:
        while into.size < size:
            into.write(_some(stream, min(_PIECE_BYTES, size - into.size)))
    return into.sha, into.size


def _done(kept: Kept) -> Future[Kept]:
    future: Future[Kept] = Future()
    future.set_result(kept)
    return future


def _exactly(stream: BinaryIO, size: int, begun: bytes = b"") -> bytes:
    data = begun
    while len(data) < size:
        data += _some(stream, size - len(data))
    return data


def _some(stream: BinaryIO, size: int) -> bytes:
    piece = stream.read(size)
    if not piece:
        raise ValueError("The pack ends in the middle of a file: send it again.")
    return piece
