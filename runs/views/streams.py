"""Bytes as downloads: pieces from disk, never a whole file in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from runs.stores import log_store

PIECE_BYTES = 256 * 1024


def file_download(path: Path, *, name: str, size: int) -> StreamingHttpResponse:
    """A stored content as a file of that name; a browser saves it and never shows it."""

    def piece(offset: int, length: int) -> bytes:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    return _download(piece, size=size, name=PurePosixPath(name).name)


def log_download(key: str, *, name: str) -> StreamingHttpResponse:
    """A log as it is stored now."""
    store = log_store()
    return _download(lambda o, n: store.read(key, o, n), size=store.size(key), name=name)


def log_piece(key: str, *, offset: int, limit: int) -> HttpResponse:
    """Some bytes of a log, with its length and whether it is complete in the headers."""
    store = log_store()
    sealed = store.sealed(key) is not None
    answer = HttpResponse(
        store.read(key, offset, limit), content_type="application/octet-stream"
    )
    answer["Runyard-Log-Size"] = str(store.size(key))
    answer["Runyard-Log-Sealed"] = "1" if sealed else "0"
    answer["Cache-Control"] = "no-store"
    return answer


def _download(
    piece: Callable[[int, int], bytes], *, size: int, name: str
) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[bytes]:
        offset = 0
        while offset < size:
            data = await asyncio.to_thread(piece, offset, min(PIECE_BYTES, size - offset))
            if not data:
                return
            yield data
            offset += len(data)

    answer = StreamingHttpResponse(pieces(), content_type="application/octet-stream")
    answer.headers["Content-Length"] = str(size)
    answer.headers["Content-Disposition"] = content_disposition_header(True, name)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
