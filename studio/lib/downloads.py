"""Sending stored bytes: streamed, resumable, and never shown in a page of ours."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE_BYTES = 1 << 20
SANDBOX = "default-src 'none'; sandbox"
"""The policy of what users bring: should a browser render it after all, nothing in it runs."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)

Read = Callable[[int, int], bytes]
"""(offset, count) -> bytes, fewer only at the end."""


class Unsatisfiable(Exception):
    """A byte range lies behind the end."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The (offset, count) that a Range header asks for; None for all of it.

    Several ranges at once, and what makes no sense, are answered with all of it, as
    RFC 9110 allows.

    Raises:
        Unsatisfiable: it begins behind the end.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= size:
        raise Unsatisfiable
    return start, end - start


async def pieces(read: Read, start: int, count: int) -> AsyncIterator[bytes]:
    """`count` bytes from `start`, read in a thread piece by piece: one piece in memory."""
    while count > 0:
        data = await asyncio.to_thread(read, start, min(PIECE_BYTES, count))
        if not data:
            return
        yield data
        start += len(data)
        count -= len(data)


def ranged_response(
    request: HttpRequest, read: Read, size: int, *, content_type: str = "application/octet-stream"
) -> HttpResponseBase:
    """The bytes that a request asks for by its Range header, or all."""
    try:
        wanted = byte_range(request.headers.get("Range"), size)
    except Unsatisfiable:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, count = wanted or (0, size)
    response = StreamingHttpResponse(
        pieces(read, start, count), status=206 if wanted else 200, content_type=content_type
    )
    if wanted:
        response["Content-Range"] = f"bytes {start}-{start + count - 1}/{size}"
    response["Content-Length"] = str(count)
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def file_response(
    request: HttpRequest,
    path: Path,
    *,
    name: str,
    sha: str,
    content_type: str = "application/octet-stream",
) -> HttpResponseBase:
    """A file of a user as a download: never rendered here, cached by its hash.

    With the type of an image a page of ours can show it; opened by itself it is a download still.
    """
    tag = f'"{sha}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    size = path.stat().st_size

    def read(offset: int, count: int) -> bytes:
        with path.open("rb") as file:
            return os.pread(file.fileno(), count, offset)

    response = ranged_response(request, read, size, content_type=content_type)
    response["Content-Security-Policy"] = SANDBOX
    if response.status_code in {200, 206}:
        response["ETag"] = tag
        response["Content-Disposition"] = attachment(name)
    return response


def attachment(name: str) -> str:
    """The header of a download under this name, what no header can carry as _."""
    safe = _CONTROL.sub("_", name)
    return content_disposition_header(as_attachment=True, filename=safe) or "attachment"


def streamed_response(
    parts: Iterator[bytes], *, name: str, content_type: str, size: int | None = None
) -> StreamingHttpResponse:
    """A download that is made while it is sent, each part in a thread: one part in memory."""
    response = StreamingHttpResponse(_in_threads(parts), content_type=content_type)
    response["Content-Disposition"] = attachment(name)
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    if size is not None:
        response["Content-Length"] = str(size)
    return response


async def _in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(next, parts, b""):
        yield part
