"""Many files in one download."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpResponseBase

from runs.models import Artifact
from runs.snapshots import Entry
from runs.stores import blob_store
from runs.zipstream import Packed, zip_size, zip_stream
from studio.lib.downloads import streamed_response


def snapshot_files(entries: Iterable[Entry]) -> list[Packed]:
    """The files and links of a snapshot."""
    store = blob_store()
    return [
        Packed(entry.path, len(entry.link.encode()), link=entry.link)
        if entry.link
        else Packed(entry.path, entry.size, store.path(entry.sha), mode=entry.mode)
        for entry in entries
    ]


def artifact_files(artifacts: Iterable[Artifact]) -> list[Packed]:
    """The files that a run made, with the times they were kept at."""
    store = blob_store()
    return [
        Packed(a.path, a.size_bytes, store.path(a.sha), mode=a.mode, at=a.created_at)
        for a in artifacts
    ]


def zip_response(files: list[Packed], *, name: str) -> HttpResponseBase:
    """A zip of them, written while it is sent."""
    return streamed_response(
        zip_stream(files), name=name, content_type="application/zip", size=zip_size(files)
    )
