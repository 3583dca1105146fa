"""A zip that is written while it is sent: nothing on disk, one piece in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

PIECE_BYTES = 1 << 18
_SMALL_BYTES = 2_000_000_000
"""Below it no part of the archive takes the larger fields of zip64."""
_HEADS = 30 + 16 + 46
"""Local header, data descriptor and directory entry of a file, without its name."""
_END = 22
_EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Packed:
    """A file to be packed: its path in the zip, and its content or the text of its link."""

    path: str
    size: int
    content: Path | None = None
    link: str = ""
    mode: int = 0o644
    at: datetime | None = None

    @property
    def name(self) -> str:
        """The path without what could lead out of the folder that it is unpacked in."""
        parts = self.path.replace("\\", "_").split("/")
        return "/".join(part for part in parts if part not in {"", ".", ".."}) or "_"


class _Outbox:
    """A file object that cannot be sought in: what is written waits to be sent."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        waiting, self._waiting, self.size = self._waiting, [], 0
        return b"".join(waiting)


def zip_stream(files: Iterable[Packed]) -> Iterator[bytes]:
    """The bytes of a zip of these files, stored as they are."""
    out = _Outbox()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for file in files:
            with archive.open(_info(file), "w") as into:
                for piece in _pieces(file):
                    into.write(piece)
                    if out.size >= PIECE_BYTES:
                        yield out.take()
            if out.size >= PIECE_BYTES:
                yield out.take()
    yield out.take()


def zip_size(files: Iterable[Packed]) -> int | None:
    """How long `zip_stream` will be; None for one so large that it takes other fields."""
    listed = list(files)
    heads = [_HEADS + 2 * len(file.name.encode()) for file in listed]
    total = _END + sum(heads) + sum(file.size for file in listed)
    return total if total < _SMALL_BYTES and len(listed) < zipfile.ZIP_FILECOUNT_LIMIT else None


def _info(file: Packed) -> zipfile.ZipInfo:
    at = file.at.timetuple()[:6] if file.at else _EARLIEST
    info = zipfile.ZipInfo(file.name, max(at, _EARLIEST))
    info.create_system = 3  # unix: the mode counts
    info.external_attr = (0o120777 if file.link else 0o100000 | file.mode) << 16
    info.file_size = file.size
    return info


def _pieces(file: Packed) -> Iterator[bytes]:
    if file.content is None:
        yield file.link.encode()
        return
    with file.content.open("rb") as content:
        while piece := content.read(PIECE_BYTES):
            yield piece
