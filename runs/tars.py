"""What is in a tar, plain or gzipped: read from front to end, twice, and never in memory."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, BinaryIO, cast

from runs.members import (
    MAX_RATIO,
    RATIO_MATTERS_BYTES,
    Kind,
    Member,
    bomb,
    member_path,
    too_many,
)
from runs.rules import RULE_FILES
from runs.snapshots import ManifestRefused
from studio.client.folder import readable_size

_PIECE_BYTES = 1 << 20
_HEADER_BYTES = 1 << 20
"""What may stand before one content: long names, extended attributes, the map of a sparse file."""
_MAGIC_AT, _MAGIC = 257, b"ustar"
_END = bytes(tarfile.BLOCKSIZE)


def is_gzip(file: BinaryIO) -> bool:
    """Whether it begins as gzipped data does."""
    file.seek(0)
    return file.read(2) == b"\x1f\x8b"


def is_tar(file: BinaryIO) -> bool:
    """Whether it begins as a tar does."""
    file.seek(_MAGIC_AT)
    return file.read(len(_MAGIC)) == _MAGIC


class TarFiles:
    """The members of a tar; a context manager in which damage becomes a sentence."""

    word = "tar"

    def __init__(
        self, file: BinaryIO, *, most_files: int, most_bytes: int, rules_bytes: int
    ) -> None:
        self._file = file
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._left_rules_bytes = rules_bytes
        self._texts: dict[int, bytes] = {}
        self.members: list[Member] = []

    def __enter__(self) -> TarFiles:
        try:
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
        if error is not None:
            self._explain(error)

    def text(self, member: Member) -> bytes:
        """The text of an ignore file, kept while the tar was listed."""
        return self._texts[member.at]

    def contents(self, places: Iterable[int]) -> Iterator[tuple[int, BinaryIO]]:
        """Each content, once and in the order of the tar."""
        wanted = set(places)
        with self._read() as read:
            for number, info in enumerate(read.infos()):
                if number in wanted:
                    with read.content(info) as content:
                        yield number, content

    def check(self, files: list[Member]) -> None:
        """Nothing is left to check: bombs were refused while the tar was listed."""

    def _listed(self) -> Iterator[Member]:
        files: dict[str, Member] = {}
        with self._read() as read:
            for number, info in enumerate(read.infos()):
                if number >= self._most_files:
                    raise too_many(self.word, "more", self._most_files)
                if info.isdir():
                    continue
                path = member_path(self.word, info.name)
                member = self._member(path, number, info, files)
                if member.kind == Kind.FILE:
                    files[path] = member
                    self._keep_text(read, number, info)
                yield member

    def _member(
        self, path: str, number: int, info: tarfile.TarInfo, files: dict[str, Member]
    ) -> Member:
        if info.issym():
            return Member(path, Kind.LINK, number, link=info.linkname)
        if info.islnk():  # a second name of a file that came before
            first = files.get(member_path(self.word, info.linkname))
            if first is None:
                raise ManifestRefused(
                    f"'{path}' in the tar is another name of {info.linkname!a}, which did not "
                    "come before it: pack it again."
                )
            return Member(path, Kind.FILE, first.at, info.mode, first.size)
        kind = Kind.FILE if info.isreg() else Kind.OTHER
        return Member(path, kind, number, info.mode, info.size)

    def _keep_text(self, read: _Reading, number: int, info: tarfile.TarInfo) -> None:
        if info.islnk() or info.name.rpartition("/")[2] not in RULE_FILES:
            return
        self._left_rules_bytes -= info.size
        if self._left_rules_bytes < 0:
            raise ManifestRefused(f"The ignore files of the tar are too big, up to '{info.name}'.")
        with read.content(info) as content:
            self._texts[number] = content.read()

    @contextmanager
    def _read(self) -> Iterator[_Reading]:
        packed_bytes = self._file.seek(0, io.SEEK_END)
        is_packed = is_gzip(self._file)
        self._file.seek(0)
        opened = gzip.GzipFile(fileobj=self._file) if is_packed else self._file
        ratio_bytes = max(RATIO_MATTERS_BYTES, MAX_RATIO * packed_bytes)
        stream = _Stream(cast("BinaryIO", opened), self._most_bytes, ratio_bytes)
        yield _Reading(stream)

    @staticmethod
    def _explain(error: BaseException) -> None:
        """Raise what a damaged tar raises as one sentence."""
        damage = (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError)
        is_gzips = isinstance(error, OSError) and error.errno is None
        if isinstance(error, damage) or is_gzips:
            raise ManifestRefused(f"The tar is damaged ({error}): pack it again.") from error


class _Reading:
    """One pass through a tar."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._tar = tarfile.TarFile(
            fileobj=cast("IO[bytes]", stream), encoding="utf-8", errors="surrogateescape"
        )

    def infos(self) -> Iterator[tarfile.TarInfo]:
        """Its members; the end must be marked as one, or something was cut off."""
        while True:
            self._stream.begin_header()
            info = self._tar.next()
            self._tar.members = []  # type: ignore[attr-defined]  # it would remember them all
            if info is None:
                break
            yield info
        if self._stream.newest != _END:
            raise tarfile.ReadError("it breaks off, or a header in it is no header")
        self._stream.finish()

    @contextmanager
    def content(self, info: tarfile.TarInfo) -> Iterator[BinaryIO]:
        """The content of the newest member."""
        content = self._tar.extractfile(info)
        if content is None:
            raise tarfile.ReadError(f"{info.name!a} has no content")
        with self._stream.in_content(), content:
            yield cast("BinaryIO", content)


class _Stream:
    """Bytes that are only read forwards, and not for ever.

    The library reads what a header announces into memory, follows sizes that lead
    backwards, and takes a broken header for the end: none of it happens behind this.
    """

    name = ""

    def __init__(self, file: BinaryIO, most_bytes: int, ratio_bytes: int) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self._ratio_bytes = ratio_bytes
        self._at = 0
        self._header_left = _HEADER_BYTES
        self._is_content = False
        self.newest = b""
        """What was read last."""

    def begin_header(self) -> None:
        self._header_left = _HEADER_BYTES

    @contextmanager
    def in_content(self) -> Iterator[None]:
        self._is_content = True
        try:
            yield
        finally:
            self._is_content = False

    def read(self, size: int) -> bytes:
        if not self._is_content:
            self._header_left -= size
            if self._header_left < 0:
                raise tarfile.ReadError("a header is longer than any honest one")
        self.newest = self._some(size)
        return self.newest

    def tell(self) -> int:
        return self._at

    def seek(self, position: int) -> int:
        if position < self._at:
            raise tarfile.ReadError("a size in it leads backwards")
        while self._at < position and self._some(min(_PIECE_BYTES, position - self._at)):
            pass
        return self._at

    def finish(self) -> None:
        """Read what is left, so that a checksum at the end is looked at."""
        while self._some(_PIECE_BYTES):
            pass

    def _some(self, size: int) -> bytes:
        data = self._file.read(size)
        self._at += len(data)
        if self._at > self._ratio_bytes:
            raise bomb("tar", self._at)
        if self._at > self._most_bytes:
            raise ManifestRefused(
                f"The tar unpacks to more than {readable_size(self._most_bytes)}: pack it without "
                "virtual environments, caches and data."
            )
        return data
