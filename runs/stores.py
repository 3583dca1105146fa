"""The studio's own log store and blob store."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from runs.blobs import BlobStore
from runs.logs import LogStore


@lru_cache(maxsize=4)
def _logs(root: Path) -> LogStore:
    return LogStore(root)


@lru_cache(maxsize=4)
def _blobs(root: Path) -> BlobStore:
    return BlobStore(root)


def log_store() -> LogStore:
    """The log store under the data directory."""
    return _logs(settings.DATA_DIR / "logs")


def blob_store() -> BlobStore:
    """The blob store under the data directory."""
    return _blobs(settings.DATA_DIR / "blobs")
