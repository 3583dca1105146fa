"""What a script directory consists of: the list from which a snapshot is made.

    scan        folder on disk -> entries, without what the ignore rules leave out
    digest      entries -> the name of the snapshot, the same from every door

An entry is a file {path, mode, size, sha} or a link {path, link}. Paths are relative,
with slashes; modes are 0644 or 0755; folders exist by what they hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping

from studio.client.hashes import HashCache
from studio.client.ignore import NEVER, Scope, folder_scope, read_rules

TYPE_CHECKING = False  # a type checker sees True; importing typing would slow the command down
if TYPE_CHECKING:
    from typing import TypedDict

    class FileEntry(TypedDict):
        """A file, by its content."""

        path: str
        mode: int
        size: int
        sha: str

    class LinkEntry(TypedDict):
        """A link, by its text."""

        path: str
        link: str

    Entry = FileEntry | LinkEntry

MAX_BYTES = 1 << 30
MAX_FILES = 20_000
MAX_DEPTH = 100
"""Folders in folders; more are a mistake or an attack."""
MAX_NAME_BYTES = 255
MAX_LINK_HOPS = 40
"""As many links in a row as the kernel follows."""

PIECE_BYTES = 1 << 20

_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_IGNORE_IT = "leave it out in .gitignore or .amlignore"


class FolderRefused(Exception):
    """A folder cannot become a snapshot; the text is one sentence for its owner."""


def scan(
    folder: str | os.PathLike[str],
    *,
    max_bytes: int = MAX_BYTES,
    max_files: int = MAX_FILES,
    left_out: list[str] | None = None,
) -> list[Entry]:
    """The entries of a folder, sorted by path; a second scan only reads what changed.

    Links are kept as links and never followed. Hashes of unchanged files come from the
    user's cache folder. What the ignore rules leave out is added to `left_out`, folders
    with a slash and without what is in them.

    Raises:
        FolderRefused: something in it cannot be kept as it is, it is too big, or it
            changed while it was read.
    """
    root = os.path.realpath(folder)
    walk = _Walk(root, max_bytes, max_files)
    if left_out is not None:
        left_out += sorted(walk.left_out)
    check_size(walk.sizes(), max_bytes, max_files)
    for path, target in walk.links.items():
        trouble = link_trouble(path, target, walk.links)
        if trouble:
            raise FolderRefused(trouble)
    cache = HashCache(root)
    entries: list[Entry] = [{"path": path, "link": link} for path, link in walk.links.items()]
    for path, found in walk.files:
        sha = cache.get(path, found) or _hash(root, path, found)
        cache.put(path, found, sha)
        mode = file_mode(found.st_mode)
        entries.append({"path": path, "mode": mode, "size": found.st_size, "sha": sha})
    cache.save()
    entries.sort(key=lambda entry: entry["path"])
    return entries


def listed(
    folder: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES
) -> list[tuple[str, int]]:
    """(path, size) of the files that a scan would keep; none is read, and links are left out.

    Raises:
        FolderRefused: as for a scan.
    """
    walk = _Walk(os.path.realpath(folder), max_bytes, max_files)
    check_size(walk.sizes(), max_bytes, max_files)
    return walk.sizes()


def canonical(entries: Iterable[Entry]) -> bytes:
    """The one way to write entries down: JSON, sorted by the bytes of the path."""
    ordered = sorted(entries, key=lambda entry: entry["path"].encode())
    text = json.dumps(ordered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def digest(entries: Iterable[Entry]) -> str:
    """The name of the snapshot that these entries make."""
    return hashlib.sha256(canonical(entries)).hexdigest()


def file_mode(mode: int) -> int:
    """The mode that is kept: as in git, only whether the owner may execute the file counts."""
    return 0o755 if mode & stat.S_IXUSR else 0o644


def check_size(files: Iterable[tuple[str, int]], max_bytes: int, max_files: int) -> None:
    """Refuse more files or bytes than allowed, naming the ten biggest of these (path, size)."""
    files = list(files)
    total = sum(size for _, size in files)
    if len(files) > max_files:
        crowded, count = Counter(path.rpartition("/")[0] for path, _ in files).most_common(1)[0]
        where = f"in the folder {crowded}" if crowded else "at its top"
        what = f"more than the {max_files:,} files allowed, {count:,} of them {where}"
    elif total > max_bytes:
        what = f"{readable_size(total)}, more than the {readable_size(max_bytes)} allowed"
    else:
        return
    biggest = sorted(files, key=lambda file: (-file[1], file[0]))[:10]
    names = ", ".join(f"{path} ({readable_size(size)})" for path, size in biggest)
    raise FolderRefused(
        f"The source has {what}; the biggest files are {names}: leave out what the run does "
        "not need in .gitignore or .amlignore."
    )


def readable_size(size: float) -> str:
    """A size for people: 999 B, 1.5 MiB."""
    unit = "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"


def name_trouble(path: str) -> str | None:
    """What is wrong with the characters of a path, as a sentence."""
    if not _UNFIT.search(path):
        return _length_trouble(path)
    if _SURROGATE.search(path):
        what = "is not UTF-8"
    elif "\n" in path:
        what = "contains a line break"
    else:
        what = "contains a control character"
    return f"The name {path!a} {what}: rename it, or {_IGNORE_IT}."


def _length_trouble(path: str) -> str | None:
    """What no disk could hold, though an archive can."""
    if len(path) * 4 > MAX_NAME_BYTES:  # else it is short enough however it is written
        for name in path.split("/"):
            if len(name.encode()) > MAX_NAME_BYTES:
                told = f"The name '{name[:60]}…' is longer than {MAX_NAME_BYTES} bytes"
                return f"{told}: shorten it, or {_IGNORE_IT}."
    return None


def link_trouble(path: str, target: str, links: Mapping[str, str]) -> str | None:
    """Why a link cannot be part of a snapshot, as a sentence; None when it stays inside.

    It is followed by the text of all the snapshot's links, so one that leads nowhere is
    harmless, and one that gets out through another one is not.
    """
    if not target or _UNFIT.search(target):
        return f"The link '{path}' points to {target!a}, no plain name: {_IGNORE_IT}."
    if target.startswith("/"):
        return (
            f"The link '{path}' points to the absolute path {target}, which means something only "
            f"on this machine: make it relative, replace it by a copy, or {_IGNORE_IT}."
        )
    if _leads_out(path, target, links):
        return (
            f"The link '{path}' points to {target}, which leads out of the folder: replace it by "
            f"a copy, or {_IGNORE_IT}."
        )
    return None


def _leads_out(path: str, target: str, links: Mapping[str, str]) -> bool:
    inside = path.split("/")[:-1]
    ahead = target.split("/")[::-1]
    hops = 0
    while ahead and hops <= MAX_LINK_HOPS:
        part = ahead.pop()
        if part == "..":
            if not inside:
                return True
            inside.pop()
        elif part not in ("", "."):
            further = links.get("/".join([*inside, part]))
            if further is None:
                inside.append(part)
            else:
                hops += 1
                ahead += further.split("/")[::-1]
    return False


class _Walk:
    """One pass over a folder: what is there and how it looks, without reading files.

    Every folder is opened by its name inside the open folder above it, so one that is
    swapped for a link meanwhile leads nowhere else.
    """

    def __init__(self, root: str, max_bytes: int, max_files: int) -> None:
        self.files: list[tuple[str, os.stat_result]] = []
        self.links: dict[str, str] = {}
        self.left_out: list[str] = []
        self._max_bytes = max_bytes
        self._max_files = max_files
        if not os.path.isdir(root):
            trouble = "is not a folder" if os.path.exists(root) else "does not exist"
            raise FolderRefused(f"{root} {trouble}: name the folder that holds the scripts.")
        self._enter(root, None, "", folder_scope(root), wanted=True)

    def sizes(self) -> list[tuple[str, int]]:
        return [(path, found.st_size) for path, found in self.files]

    def _enter(
        self, name: str, parent: int | None, prefix: str, scope: Scope, *, wanted: bool
    ) -> None:
        if prefix.count("/") > MAX_DEPTH:
            raise FolderRefused(f"Folders are nested too deep at {prefix[:80]}…: {_IGNORE_IT}.")
        descriptor = None
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            descriptor = os.open(name, flags, dir_fd=parent)
            with os.scandir(descriptor) as listing:
                entries = list(listing)
            self._folder(entries, descriptor, prefix, scope, wanted=wanted)
        except OSError as error:
            raise _refusal(error, prefix.rstrip("/") or name) from error
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _folder(
        self,
        entries: list[os.DirEntry[str]],
        descriptor: int,
        prefix: str,
        scope: Scope,
        *,
        wanted: bool,
    ) -> None:
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names and not wanted:
            self.left_out.append(prefix)
            return
        if scope.nested and ".gitignore" in names:
            scope = scope.adding(read_rules(".gitignore", dir_fd=descriptor) or b"")
        for entry in entries:
            name = os.fsencode(entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            left_out = scope.verdict(name, is_folder=is_folder)
            path = prefix + entry.name
            if left_out or name in NEVER:
                self.left_out.append(path + "/" * is_folder)
                continue
            trouble = name_trouble(path)
            if trouble:
                raise FolderRefused(trouble)
            if is_folder:
                below = scope.below(name)
                self._enter(entry.name, descriptor, path + "/", below, wanted=left_out is False)
            else:
                self._leaf(entry, descriptor, path)

    def _leaf(self, entry: os.DirEntry[str], parent: int, path: str) -> None:
        try:
            if entry.is_symlink():
                self.links[path] = os.readlink(entry.name, dir_fd=parent)
                return
            found = entry.stat(follow_symlinks=False)
        except OSError as error:
            raise _refusal(error, path) from error
        if not stat.S_ISREG(found.st_mode):
            raise FolderRefused(
                f"'{path}' is {_kind(found.st_mode)}, and only files, folders and links can be "
                f"kept: remove it, or {_IGNORE_IT}."
            )
        self.files.append((path, found))
        if len(self.files) > self._max_files:
            check_size(self.sizes(), self._max_bytes, self._max_files)


def _hash(root: str, path: str, found: os.stat_result) -> str:
    """The SHA-256 of exactly the file that the walk saw."""
    seen = hashlib.sha256()
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(os.path.join(root, path), flags)
        try:
            same = _state(os.fstat(descriptor)) == _state(found)
            while same and (piece := os.read(descriptor, PIECE_BYTES)):
                seen.update(piece)
            same = same and _state(os.fstat(descriptor)) == _state(found)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _refusal(error, path) from error
    if not same:
        raise changed(path)
    return seen.hexdigest()


def changed(path: str) -> FolderRefused:
    """The refusal of a file that is written to while it is read."""
    return FolderRefused(
        f"'{path}' changed while the folder was read: try again when nothing writes to it, or "
        f"{_IGNORE_IT}."
    )


def _state(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _refusal(error: OSError, path: str) -> FolderRefused:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return changed(path)
    if isinstance(error, PermissionError):
        return FolderRefused(f"'{path}' may not be read: change its permissions, or {_IGNORE_IT}.")
    return FolderRefused(f"'{path}' cannot be read ({error.strerror}): repair it, or {_IGNORE_IT}.")


def _kind(mode: int) -> str:
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a device"
