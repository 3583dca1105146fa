"""Snapshots straight from a commit: its files go from git's objects into the blob store.

What is committed counts, whatever a .gitignore says of it; an .amlignore and the safe defaults
hold as in a folder. So a clean checkout, a zip of it and the commit are the same snapshot.
"""

from __future__ import annotations

import difflib
import json
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # without git the studio starts all the same

from git import Blob, Repo, Submodule, Tree
from git.exc import GitError, ODBError

from runs.blobs import WRITERS, BlobStore
from runs.giturls import GitRefused
from runs.mirrors import Mirror
from runs.snapshots import Entry, Manifest, ManifestRefused, check_tree
from studio.client import folder as client
from studio.client.ignore import NEVER, REPLACING, Scope, top_scope

LISTED_A_FILE = 5
"""Files that are looked at for each that a snapshot may have: some are left out by rules."""
_RULES_BYTES = 8 << 20
_LINK_BYTES = 4096
_SMALL_BYTES = 1 << 20
_POINTER_BYTES = 1024
_POINTER = b"version https://git-lfs.github.com/spec/"
_BEAT_FILES = 200
_REMEMBERED = "hashes.json"


@dataclass(frozen=True)
class Frozen:
    """A commit's files, and what a checkout by hand might have besides."""

    manifest: Manifest
    submodules: tuple[str, ...] = ()
    """Left out: they are other repositories."""
    pointers: tuple[str, ...] = ()
    """Kept as they are in git: pointers to contents that Git LFS holds."""


def freeze_commit(
    mirror: Mirror, sha: str, folder: str, store: BlobStore, *, max_bytes: int, max_files: int
) -> Frozen:
    """Freeze a sub-folder of a commit ("" is all of it): its contents are in the store afterwards.

    Everything that can be refused is refused before a content is kept.

    Raises:
        GitRefused: the sub-folder is not there, there is no time left, or the mirror is damaged.
        ManifestRefused, FolderRefused: something in it cannot be part of a snapshot.
    """
    with _repository(mirror) as repository:
        try:
            found = _Walk(_subtree(repository.commit(sha).tree, folder), LISTED_A_FILE * max_files)
            sizes = [(path, blob.size) for path, blob in found.files]
            client.check_size(sizes, max_bytes, max_files)
            links = {path: _link(path, blob) for path, blob in found.links.items()}
            check_tree([*((path, "") for path, _ in found.files), *links.items()])
            hashes = _Hashes(mirror, store)
            hashes.learn([blob for _, blob in found.files])
        except (ODBError, GitError, ValueError) as error:
            raise mirror.removed() from error
    entries = [Entry(path, link=target) for path, target in links.items()]
    for path, blob in found.files:
        mode = client.file_mode(blob.mode)
        entries.append(Entry(path, mode, blob.size, hashes.known[blob.hexsha]))
    pointers = [path for path, blob in found.files if blob.hexsha in hashes.pointers]
    return Frozen(Manifest.of(entries), tuple(found.submodules), tuple(pointers))


@contextmanager
def _repository(mirror: Mirror) -> Iterator[Repo]:
    """The mirror as the library reads it: by git processes of its own, with our settings."""
    with Repo(mirror.path) as repository:
        # the library begins with our own environment: what points git elsewhere is overwritten
        foreign = {name: "" for name in os.environ if name.startswith("GIT_")}
        here = {"GIT_DIR": str(mirror.path), "GIT_COMMON_DIR": str(mirror.path),
                "GIT_OBJECT_DIRECTORY": str(mirror.path / "objects")}  # fmt: skip
        repository.git.update_environment(**{**foreign, **here, **mirror.room.environment})
        yield repository


def _subtree(tree: Tree, folder: str) -> Tree:
    parts = [part for part in folder.split("/") if part not in ("", ".")]
    if folder.startswith("/") or ".." in parts:
        raise GitRefused(
            f"'{folder[:200]}' leads out of the repository: give a folder as seen from its top."
        )
    for depth, part in enumerate(parts):
        below = {_name(item): item for item in tree}
        found = below.get(part)
        if not isinstance(found, Tree):
            folders = sorted(name for name, item in below.items() if isinstance(item, Tree))
            near = difflib.get_close_matches(part, folders, n=1) or folders[:5]
            there = f"there is {', '.join(near)}." if near else "there is none at all."
            where = f"in {'/'.join(parts[:depth])} of the commit" if depth else "in the commit"
            raise GitRefused(f"There is no folder '{part[:200]}' {where}: {there}")
        tree = found
    return tree


def _name(item: Blob | Tree | Submodule) -> str:
    return os.fspath(item.path).rpartition("/")[2]


class _Walk:
    """One pass over a tree: what is there, without reading files."""

    def __init__(self, top: Tree, most: int) -> None:
        self.files: list[tuple[str, Blob]] = []
        self.links: dict[str, Blob] = {}
        self.submodules: list[str] = []
        self._listed = 0
        self._most = most
        self._enter(top, "", top_scope(replacing=_rules(top)), wanted=True)

    def _enter(self, tree: Tree, prefix: str, scope: Scope, *, wanted: bool) -> None:
        if prefix.count("/") > client.MAX_DEPTH:
            raise ManifestRefused(f"Folders are nested too deep at {prefix[:80]}….")
        items = [(_name(item), item) for item in tree]
        self._listed += len(items)
        if self._listed > self._most:
            raise ManifestRefused(
                f"The commit lists more than {self._most:,} files: name a sub-folder of it."
            )
        if not wanted and any(name == "pyvenv.cfg" for name, _ in items):
            return
        for name, item in items:
            raw = os.fsencode(name)
            left_out = scope.verdict(raw, is_folder=isinstance(item, Tree))
            if left_out or raw in NEVER:
                continue
            path = prefix + name
            if trouble := client.name_trouble(path):
                raise ManifestRefused(trouble)
            if isinstance(item, Tree):
                self._enter(item, f"{path}/", scope.below(raw), wanted=left_out is False)
            elif isinstance(item, Submodule):
                self.submodules.append(path)
            elif stat.S_ISLNK(item.mode):
                self.links[path] = item
            else:
                self.files.append((path, item))


def _rules(top: Tree) -> bytes | None:
    """The text of the .amlignore at the top."""
    for item in top:
        if isinstance(item, Blob) and _name(item) == REPLACING and not stat.S_ISLNK(item.mode):
            if item.size > _RULES_BYTES:
                raise ManifestRefused(f"The {REPLACING} of the commit is too big.")
            return bytes(item.data_stream.read())
    return None


def _link(path: str, blob: Blob) -> str:
    if not 0 < blob.size <= _LINK_BYTES:
        raise ManifestRefused(f"The link '{path}' in the commit is empty or too long.")
    return bytes(blob.data_stream.read()).decode("utf-8", errors="surrogateescape")


class _Hashes:
    """Which content of the blob store each of git's files is; remembered beside the mirror."""

    def __init__(self, mirror: Mirror, store: BlobStore) -> None:
        self.known: dict[str, str] = {}
        self.pointers: set[str] = set()
        self._file = mirror.path / _REMEMBERED
        self._bounds = mirror.bounds
        self._store = store
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._file.read_text())
            self.known, self.pointers = dict(kept["known"]), set(kept["pointers"])

    def learn(self, blobs: Iterable[Blob]) -> None:
        """Keep those contents that the store lacks; the hashes of all are known afterwards."""
        needed = {b.hexsha: b for b in blobs if not self._is_kept(b.hexsha)}
        if not needed:
            return
        ahead: deque[tuple[str, Future[tuple[str, int]]]] = deque()
        with ThreadPoolExecutor(WRITERS) as pool:
            for number, (name, blob) in enumerate(needed.items()):
                if number % _BEAT_FILES == 0:
                    self._bounds.check(f"Keeping files: {number:,} of {len(needed):,}")
                if blob.size > _SMALL_BYTES:
                    self.known[name] = self._keep_large(blob)
                    continue
                data = blob.data_stream.read()
                if len(data) < _POINTER_BYTES and data.startswith(_POINTER):
                    self.pointers.add(name)
                ahead.append((name, pool.submit(self._store.put, data)))
                if len(ahead) > WRITERS:
                    self._settle(ahead)
            while ahead:
                self._settle(ahead)
        self._remember()

    def _is_kept(self, name: str) -> bool:
        sha = self.known.get(name)
        return sha is not None and self._store.has(sha)

    def _settle(self, ahead: deque[tuple[str, Future[tuple[str, int]]]]) -> None:
        name, kept = ahead.popleft()
        self.known[name] = kept.result()[0]

    def _keep_large(self, blob: Blob) -> str:
        content = blob.data_stream
        with self._store.writer() as into:
            while piece := content.read(_SMALL_BYTES):
                self._bounds.check("Keeping a large file")
                into.write(piece)
        return into.sha

    def _remember(self) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"known": self.known, "pointers": sorted(self.pointers)}))
        fresh.replace(self._file)
