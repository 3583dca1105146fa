"""Snapshots from zip files, without ever unpacking one to disk."""

from __future__ import annotations

import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from runs.blobs import BlobStore
from runs.snapshots import Entry, Manifest, ManifestRefused, check_tree
from studio.client import folder as client
from studio.client.folder import FolderRefused
from studio.client.ignore import NEVER, REPLACING, Scope, top_scope

MAX_RATIO = 200
"""What honest files are packed to at best."""
RATIO_MATTERS_BYTES = 32 << 20
RULES_BYTES = 8 << 20
"""All ignore files of a zip together: they are read before its size is known to be allowed."""
LISTED_A_FILE = 5
"""Files that a zip may list for each that a snapshot may have: most are left out by rules."""
_LINK_BYTES = 4096
_PIECE_BYTES = 1 << 20

_LISTED = b"PK\x01\x02"
_KINDS = (0, stat.S_IFREG, stat.S_IFLNK)
_MS_DOS = 0
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_RESOURCE_FORKS = "__MACOSX/"


@dataclass(frozen=True)
class _Member:
    """A file or link in the zip, by the path it will have."""

    path: str
    info: zipfile.ZipInfo

    @property
    def unix_mode(self) -> int:
        return self.info.external_attr >> 16

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.unix_mode)


def snapshot_zip(file: BinaryIO, store: BlobStore, *, max_bytes: int, max_files: int) -> Manifest:
    """Freeze the files of a zip: their contents are in the store afterwards.

    A single folder at its top is taken off, then the same ignore rules hold as in a
    folder. Everything that can be refused is refused before a content is read.

    Raises:
        ManifestRefused: it is damaged, encrypted, too big, or has files that must not be.
    """
    _check_listing(file, LISTED_A_FILE * max_files)
    with _readable(), zipfile.ZipFile(file) as archive:
        members = _without_top(list(_members(archive)))
        rules = _Rules(archive, members)
        members = [member for member in members if rules.keep(member.path)]
        links = {m.path: _link(archive, m) for m in members if m.is_link}
        check_tree((m.path, links.get(m.path, "")) for m in members)
        files = [m for m in members if not m.is_link]
        _check_files(files, max_bytes, max_files)
        entries = [Entry(path, link=link) for path, link in links.items()]
        for member in files:
            mode = client.file_mode(member.unix_mode)
            with archive.open(member.info) as content:
                sha, size = store.put(content)
            entries.append(Entry(member.path, mode, size, sha))
    return Manifest.of(entries)


@contextmanager
def _readable() -> Iterator[None]:
    """What a damaged or strange zip raises, as one sentence."""
    try:
        yield
    except FolderRefused as error:
        raise ManifestRefused(str(error)) from error
    except NotImplementedError as error:
        raise ManifestRefused(f"The zip is packed in an unusual way ({error}).") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise ManifestRefused(f"The zip is damaged ({error}): pack it again.") from error
    except OSError as error:
        if error.errno is not None:  # bz2 reports damage without a number; a disk never does
            raise
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
        raise ManifestRefused(
            f"The zip lists about {count:,} files, more than the {most:,} that are looked at: pack "
            "it without virtual environments, caches and data."
        )


def _members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        name = _name(info)
        if name.endswith("/") or name.startswith(_RESOURCE_FORKS):
            continue
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or (info.create_system == _MS_DOS and _DRIVE.match(name)):
            raise ManifestRefused(f"The zip holds the absolute path '{name}': pack it again.")
        if ".." in parts or not parts or "\0" in info.orig_filename:
            raise ManifestRefused(
                f"The zip holds {name!a}, which is no place in it: pack it again."
            )
        if len(parts) > client.MAX_DEPTH:
            raise ManifestRefused(f"'{name[:80]}…' is nested too deep in the zip.")
        if info.flag_bits & _ENCRYPTED:
            raise ManifestRefused("The zip is encrypted: pack it again without a password.")
        yield _Member("/".join(parts), info)


def _name(info: zipfile.ZipInfo) -> str:
    """The name with slashes; many tools write UTF-8 without saying so."""
    name = info.filename
    if not info.flag_bits & _UTF8_NAME:
        with suppress(UnicodeDecodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/") if info.create_system == _MS_DOS else name


def _without_top(members: list[_Member]) -> list[_Member]:
    """The members as seen from inside, when one folder at the top holds them all."""
    tops = {member.path.partition("/")[0] for member in members}
    if len(tops) != 1 or any("/" not in member.path for member in members):
        return members
    return [_Member(member.path.partition("/")[2], member.info) for member in members]


class _Rules:
    """The ignore rules of the tree in a zip: the same as if it lay in a folder."""

    def __init__(self, archive: zipfile.ZipFile, members: Iterable[_Member]) -> None:
        self._archive = archive
        self._members = {member.path: member for member in members}
        self._left_bytes = RULES_BYTES
        replacing, exclude = self._text(REPLACING), self._text(".git/info/exclude")
        top = top_scope(replacing=replacing, exclude=exclude)
        self._scopes: dict[str, Scope | None] = {"": self._with_own(top, "")}

    def keep(self, path: str) -> bool:
        """Whether a file is kept."""
        folder, _, name = path.rpartition("/")
        scope = self._scope(folder)
        return scope is not None and not scope.ignores(name.encode(), is_folder=False)

    def _scope(self, folder: str) -> Scope | None:
        if folder not in self._scopes:
            self._scopes[folder] = self._enter(folder)
        return self._scopes[folder]

    def _enter(self, folder: str) -> Scope | None:
        above, _, name = folder.rpartition("/")
        scope = self._scope(above)
        if scope is None or name.encode() in NEVER:
            return None
        left_out = scope.verdict(name.encode(), is_folder=True)
        is_environment = f"{folder}/pyvenv.cfg" in self._members
        if left_out or (is_environment and left_out is None):
            return None
        return self._with_own(scope.below(name.encode()), f"{folder}/")

    def _with_own(self, scope: Scope, prefix: str) -> Scope:
        return scope.adding(self._text(f"{prefix}.gitignore") or b"") if scope.nested else scope

    def _text(self, path: str) -> bytes | None:
        member = self._members.get(path)
        if member is None or member.is_link:
            return None
        self._left_bytes -= member.info.file_size
        if self._left_bytes < 0:
            raise ManifestRefused(f"The ignore files of the zip are too big, up to '{path}'.")
        return self._archive.read(member.info)


def _link(archive: zipfile.ZipFile, member: _Member) -> str:
    if not 0 < member.info.file_size <= _LINK_BYTES:
        raise ManifestRefused(f"The link '{member.path}' in the zip is empty or too long.")
    return archive.read(member.info).decode("utf-8", errors="surrogateescape")


def _check_files(files: list[_Member], max_bytes: int, max_files: int) -> None:
    for member in files:
        if stat.S_IFMT(member.unix_mode) not in _KINDS:
            raise ManifestRefused(f"'{member.path}' in the zip is neither a file nor a link.")
    client.check_size([(m.path, m.info.file_size) for m in files], max_bytes, max_files)
    unpacked = sum(member.info.file_size for member in files)
    packed = sum(member.info.compress_size for member in files)
    if unpacked > max(RATIO_MATTERS_BYTES, MAX_RATIO * packed):
        raise ManifestRefused(
            f"The zip would unpack to {client.readable_size(unpacked)}, more than {MAX_RATIO} "
            "times what it holds: leave generated data out."
        )
