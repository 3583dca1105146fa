"""The blob store: contents under their own SHA-256, each there whole or not at all.

<root>/ab/ab12…          a content, read-only; the runner keeps its blobs the same way
<root>/tmp/…             contents that are still arriving
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

WRITERS = 4
"""Keeping a small content is mostly waiting for the disk: who has many lets so many wait."""

_SHA = re.compile(r"[0-9a-f]{64}")
_PIECE_BYTES = 1 << 20
_ABANDONED_S = 24 * 3600


class WrongHash(ValueError):
    """What arrived is not the content that was promised."""


class BlobStore:
    """Contents by hash, for any number of processes at once.

    A content that is there is whole, also after a power cut. Two that put the same one agree.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha: str) -> Path:
        """Where a content lies, if it is there."""
        return Path(self._place(sha))

    def has(self, sha: str) -> bool:
        """Whether a content is there; asked thousands of times for one snapshot."""
        return os.path.exists(self._place(sha))  # noqa: PTH110  (a Path costs three times as much)

    def _place(self, sha: str) -> str:
        if not _SHA.fullmatch(sha):
            raise ValueError(f"{sha!r} is not a SHA-256: 64 hex digits in lower case.")
        return f"{self._root}/{sha[:2]}/{sha}"

    def missing(self, shas: Iterable[str]) -> list[str]:
        """Those that are not there, each once, in the order asked."""
        return [sha for sha in dict.fromkeys(shas) if not self.has(sha)]

    def put(self, content: bytes | IO[bytes], sha: str | None = None) -> tuple[str, int]:
        """Keep a content: (its hash, its size).

        Raises:
            WrongHash: it is not the content that `sha` promises; nothing was kept.
        """
        if isinstance(content, bytes):
            found = hashlib.sha256(content).hexdigest()
            if sha in (None, found) and self.has(found):
                return found, len(content)
        with self.writer(sha) as into:
            if isinstance(content, bytes):
                into.write(content)
            else:
                while piece := content.read(_PIECE_BYTES):
                    into.write(piece)
        return into.sha, into.size

    @contextmanager
    def writer(self, sha: str | None = None) -> Iterator[BlobWriter]:
        """A content to be written piece by piece; it is kept when the block ends well.

        Raises:
            WrongHash: what was written is not the content that `sha` promises.
        """
        arriving = self._root / "tmp"
        arriving.mkdir(parents=True, exist_ok=True)
        temporary = arriving / secrets.token_hex(8)
        try:
            with temporary.open("xb") as file:
                writer = BlobWriter(file)
                yield writer
                if sha not in (None, writer.sha):
                    raise WrongHash(f"{sha} was promised, but {writer.sha} arrived: send it again.")
                file.flush()
                os.fchmod(file.fileno(), 0o444)
                os.fsync(file.fileno())
            place = self.path(writer.sha)
            place.parent.mkdir(exist_ok=True)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)

    def open(self, sha: str) -> BinaryIO:
        """A content, for reading.

        Raises:
            FileNotFoundError: it is not there.
        """
        return self.path(sha).open("rb")

    def delete(self, sha: str) -> None:
        """Forget a content; one that is not there is forgotten already."""
        self.path(sha).unlink(missing_ok=True)

    def shas(self) -> Iterator[str]:
        """Every content that is there, in order."""
        for folder in sorted(self._root.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(file.name for file in folder.iterdir() if _SHA.fullmatch(file.name))

    def sweep(self) -> None:
        """Remove what was left behind a day ago by writers that were killed."""
        for file in (self._root / "tmp").glob("*"):
            try:
                if file.stat().st_mtime < time.time() - _ABANDONED_S:
                    file.unlink()
            except FileNotFoundError:
                continue


class BlobWriter:
    """A content on its way in: `sha` and `size` are of what was written so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._seen = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Add some bytes."""
        self._seen.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def sha(self) -> str:
        """The hash as it is now."""
        return self._seen.hexdigest()
