"""Stores that each break one promise, to show that the contract suites notice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from runs.blobs import BlobStore, BlobWriter
from runs.logs import LogStore, Receipt


class HoleyLogStore(LogStore):
    """Fills a gap with zeros instead of saying where it is."""

    def append(self, key: str, offset: int, data: bytes) -> int:
        missing = max(0, offset - self.size(key))
        return super().append(key, offset - missing, bytes(missing) + data)


class ReopeningLogStore(LogStore):
    """Goes on writing after the log was sealed."""

    def append(self, key: str, offset: int, data: bytes) -> int:
        if self.sealed(key):
            (self._root / ".seals" / key).unlink()
        return super().append(key, offset, data)


class TrustingLogStore(LogStore):
    """Calls a log complete when only its length is right."""

    def seal(self, key: str, *, size: int | None, sha256: str | None, masked: int = 0) -> Receipt:
        receipt = super().seal(key, size=size, sha256=sha256, masked=masked)
        if receipt.stored_bytes == size:
            return replace(receipt, complete=True, gap="")
        return receipt


class TrustingBlobStore(BlobStore):
    """Believes what a sender says the hash is."""

    @contextmanager
    def writer(self, sha: str | None = None) -> Iterator[BlobWriter]:
        with super().writer() as into:
            yield into

    def put(self, content: bytes | IO[bytes], sha: str | None = None) -> tuple[str, int]:
        return super().put(content)


class HastyBlobStore(BlobStore):
    """Keeps what had arrived when the sender was cut off."""

    @contextmanager
    def writer(self, sha: str | None = None) -> Iterator[BlobWriter]:
        cut: Exception | None = None
        with super().writer(sha) as into:
            try:
                yield into
            except Exception as error:  # noqa: BLE001  (whatever it was, it comes again below)
                cut = error
        if cut:
            raise cut
