"""What is in a zip: listed first, each content read when it is asked for."""

from __future__ import annotations

import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, cast

from runs.members import (
    MAX_RATIO,
    RATIO_MATTERS_BYTES,
    Kind,
    Member,
    bomb,
    member_path,
    too_many,
)
from runs.snapshots import ManifestRefused

_LINK_BYTES = 4096
_PIECE_BYTES = 1 << 20
_LISTED = b"PK\x01\x02"
_KINDS = {0: Kind.FILE, stat.S_IFREG: Kind.FILE, stat.S_IFLNK: Kind.LINK}
_MS_DOS = 0
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_RESOURCE_FORKS = "__MACOSX/"


def is_zip(file: BinaryIO) -> bool:
    """Whether it begins as a zip does."""
    file.seek(0)
    return file.read(2) == b"PK"


class ZipFiles:
    """The members of a zip; a context manager in which damage becomes a sentence."""

    word = "zip"

    def __init__(self, file: BinaryIO, *, most_files: int) -> None:
        self._file = file
        self._most_files = most_files
        self.members: list[Member] = []

    def __enter__(self) -> ZipFiles:
        _check_listing(self._file, self._most_files)
        try:
            self._archive = zipfile.ZipFile(self._file)
            self.members = list(self._listed())
        except Exception as error:
            self._explain(error)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()
        if error is not None:
            self._explain(error)

    def text(self, member: Member) -> bytes:
        """The whole content of a small file."""
        return self._archive.read(member.at)

    def contents(
        self, places: Iterable[zipfile.ZipInfo]
    ) -> Iterator[tuple[zipfile.ZipInfo, BinaryIO]]:
        """Each content, open while it is the newest."""
        for info in places:
            with self._archive.open(info) as content:
                yield info, cast("BinaryIO", content)

    def check(self, files: list[Member]) -> None:
        """Refuse a bomb by the sizes that it lists; a content that is longer is damaged."""
        unpacked = sum(member.at.file_size for member in files)
        packed = sum(member.at.compress_size for member in files)
        if unpacked > max(RATIO_MATTERS_BYTES, MAX_RATIO * packed):
            raise bomb(self.word, unpacked)

    def _listed(self) -> Iterator[Member]:
        for info in self._archive.infolist():
            name = _name(info)
            if name.endswith("/") or name.startswith(_RESOURCE_FORKS):
                continue
            if info.create_system == _MS_DOS and _DRIVE.match(name):
                raise ManifestRefused(f"The zip holds the absolute path '{name}': pack it again.")
            if "\0" in info.orig_filename:
                raise ManifestRefused(f"The zip holds {name!a}, which is no place in it.")
            path = member_path(self.word, name)
            if info.flag_bits & _ENCRYPTED:
                raise ManifestRefused("The zip is encrypted: pack it again without a password.")
            mode = info.external_attr >> 16
            kind = _KINDS.get(stat.S_IFMT(mode), Kind.OTHER)
            link = self._link(path, info) if kind == Kind.LINK else ""
            yield Member(path, kind, info, mode, info.file_size, link)

    def _link(self, path: str, info: zipfile.ZipInfo) -> str:
        if not 0 < info.file_size <= _LINK_BYTES:
            raise ManifestRefused(f"The link '{path}' in the zip is empty or too long.")
        return self._archive.read(info).decode("utf-8", errors="surrogateescape")

    @staticmethod
    def _explain(error: BaseException) -> None:
        """Raise what a damaged or strange zip raises as one sentence."""
        if isinstance(error, NotImplementedError):
            raise ManifestRefused(f"The zip is packed in an unusual way ({error}).") from error
        damage = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, UnicodeDecodeError)
        # bz2 reports damage as an OSError without a number; a disk never does
        is_bz2 = isinstance(error, OSError) and error.errno is None
        if isinstance(error, damage) or is_bz2:
            raise ManifestRefused(f"The zip is damaged ({error}): pack it again.") from error


def _check_listing(file: BinaryIO, most: int) -> None:
    """Refuse a zip that lists too much before its list is read into memory.

    What the list says of its own length cannot be believed, but each file in it has a mark.
    """
    count = 0
    file.seek(0)
    end = b""
    while piece := file.read(_PIECE_BYTES):
        count += (end + piece).count(_LISTED)
        end = piece[1 - len(_LISTED) :]
    file.seek(0)
    if count > most:
        raise too_many("zip", f"about {count:,}", most)


def _name(info: zipfile.ZipInfo) -> str:
    """The name with slashes; many tools write UTF-8 without saying so."""
    name = info.filename
    if not info.flag_bits & _UTF8_NAME:
        with suppress(UnicodeDecodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/") if info.create_system == _MS_DOS else name
