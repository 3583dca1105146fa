"""quick"""
from __future__ import annotations
from collections.abc import Iterator
from typing import BinaryIO
from runs.blobs import BlobStore
from studio.client.pack import HEADER
def read_pack(stream: BinaryIO, store: BlobStore) -> Iterator[tuple[str, int]]:
    while head := stream.read(HEADER.size):
        sha, size = HEADER.unpack(head)
        data = b""
        while len(data) < size:
            piece = stream.read(size - len(data))
            if not piece: raise ValueError("the pack broke off")
            data += piece
        store.put(data, sha=sha.decode())
        yield sha.decode(), size
