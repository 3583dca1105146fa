"""Content store: whole, verified files under their SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_SHA = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20


class BlobWriter:
    """A blob that is being written; `sha` and `size` are right once it is closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def sha(self) -> str:
        return self._hash.hexdigest()


class BlobStore:
    """Blobs under a folder, as `ab/<sha>`; each appears whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha: str) -> Path:
        if not _SHA.fullmatch(sha):
            message = f"{sha!r} is no SHA-256"
            raise ValueError(message)
        return self.root / sha[:2] / sha

    def has(self, sha: str) -> bool:
        return self.path(sha).exists()

    def missing(self, shas: Iterable[str]) -> list[str]:
        return [sha for sha in shas if not self.has(sha)]

    def put(self, content: bytes | BinaryIO, sha: str | None = None) -> tuple[str, int]:
        if isinstance(content, bytes):
            found = hashlib.sha256(content).hexdigest()
            if self.has(found) and sha in (None, found):
                return found, len(content)
        with self.writer(sha=sha) as into:
            if isinstance(content, bytes):
                into.write(content)
            else:
                while piece := content.read(_PIECE):
                    into.write(piece)
        return into.sha, into.size

    @contextmanager
    def writer(self, sha: str | None = None) -> Iterator[BlobWriter]:
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / secrets.token_hex(8)
        try:
            with temporary.open("xb") as file:
                writer = BlobWriter(file)
                yield writer
                file.flush()
                os.fsync(file.fileno())
            if sha is not None and writer.sha != sha:
                message = f"the content of {sha} arrived with the hash {writer.sha}"
                raise ValueError(message)
            temporary.chmod(0o444)
            final = self.path(writer.sha)
            final.parent.mkdir(exist_ok=True)
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)

    def open(self, sha: str) -> BinaryIO:
        return self.path(sha).open("rb")

    def delete(self, sha: str) -> None:
        self.path(sha).unlink(missing_ok=True)

    def shas(self) -> Iterator[str]:
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(path.name for path in folder.iterdir())
