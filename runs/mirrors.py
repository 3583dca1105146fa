"""Mirrors of git repositories: bare copies that hold what was asked for, and grow with it.

    <root>/<key>/             the copy of one repository for one workspace
    <root>/<key>.lock         held while somebody fetches or reads

A mirror is a cache: one that is damaged, crowded or long unused is removed, and comes back.
"""

from __future__ import annotations

import difflib
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runs.gitprocess import Access, Bounds, GitFailed, GitRoom, git_room, said
from runs.giturls import LOCAL, Address, GitRefused

UNUSED_S = 30 * 24 * 3600
"""A mirror that nobody asked for so long is removed."""
_CROWDED_PACKS = 50
_ABANDONED_S = 3600
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"[0-9a-f]{4,40}", re.IGNORECASE)
_PLAIN_REF = re.compile(r"refs/(?:heads|tags)/[^\x00-\x20\x7f~^:?*\[\\]+")
_DAMAGED = re.compile(r"packfile .* (does not match|cannot be)|is corrupt|unable to read tree")
_WAIT_S = 0.2


@dataclass(frozen=True)
class Commit:
    """What a ref means now."""

    sha: str
    branch: str = ""


@dataclass(frozen=True)
class Remote:
    """What a repository says it has."""

    refs: dict[str, str]
    """Full name of a branch or tag to the commit."""
    default: str
    """The full name of the branch that HEAD points to."""

    def find(self, ref: str) -> str:
        """The full name that `ref` means, as git itself reads it; "" when there is none."""
        if not ref or ref == "HEAD":
            return self.default
        tries = (ref, f"refs/{ref}", f"refs/tags/{ref}", f"refs/heads/{ref}")
        return next((name for name in tries if name in self.refs), "")

    @cached_property
    def names(self) -> list[str]:
        """Branches and tags as people call them."""
        return sorted({re.sub(r"^refs/(heads|tags)/", "", name) for name in self.refs})


class Mirror:
    """The bare copy of one repository, while its lock is held."""

    def __init__(self, path: Path, address: Address, room: GitRoom, bounds: Bounds) -> None:
        self.path = path
        self.address = address
        self.room = room
        self.bounds = bounds

    def commit(self, ref: str) -> Commit:
        """The commit that a branch, tag, full or short commit means; it is here afterwards.

        Nothing is fetched that is here already; a branch or tag is asked for each time.

        Raises:
            GitRefused: there is none, or it cannot be fetched.
        """
        check_ref(ref)
        if _COMMIT.fullmatch(ref) and self._has(ref):
            return Commit(ref)
        remote = self._remote()
        name = remote.find(ref)
        if name:
            return self._named(remote, name)
        if ref in ("", "HEAD"):
            raise GitRefused(
                f"{self.address.url} has no default branch with a commit: name a branch or tag."
            )
        if not _SHORT.fullmatch(ref):
            raise self._no_such_ref(ref, remote)
        return Commit(self._commit_of(ref.lower(), remote))

    def removed(self) -> GitRefused:
        """Give up a mirror that cannot be read: the next one begins anew."""
        shutil.rmtree(self.path)
        return GitRefused(
            f"The studio's copy of {self.address.url} could not be read and was removed: try once "
            "more, and if that repeats, repair the repository."
        )

    def _named(self, remote: Remote, name: str) -> Commit:
        sha = remote.refs[name]
        if not self._has(sha):
            kept = f"refs/kept/{name.removeprefix('refs/')}"
            self._fetch("--depth=1", f"+{name}:{kept}")
            sha = self._resolve(kept)  # it may have moved since it was listed
        if not sha:
            raise GitRefused(f"'{name}' of {self.address.url} is no commit: name another ref.")
        return Commit(sha, name.removeprefix("refs/heads/") if "/heads/" in name else "")

    def _commit_of(self, ref: str, remote: Remote) -> str:
        """A commit by its hash, or the beginning of it."""
        listed = {sha for sha in remote.refs.values() if sha.startswith(ref)}
        if _COMMIT.fullmatch(ref):
            try:
                self._fetch("--depth=1", f"+{ref}:refs/kept/commits/{ref}")
            except GitRefused:  # an old server gives only what it lists: then with all history
                self._fetch_all()
        elif len(listed) != 1 or not self._has(next(iter(listed))):
            self._fetch_all()
        found = self._resolve(ref)
        if not found:
            raise self._no_such_ref(ref, remote)
        return found

    def _remote(self) -> Remote:
        words = ("ls-remote", "--symref", "--", self.address.argument, "HEAD", "refs/heads/*",
                 "refs/tags/*")  # fmt: skip
        default, refs = "", {}
        for line in self._ask(*words).splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: ") and name == "HEAD":
                default = value.removeprefix("ref: ")
            elif _COMMIT.fullmatch(value) and _PLAIN_REF.fullmatch(name.removesuffix("^{}")):
                # the line with ^{} comes second: the commit that a tag is about
                refs[name.removesuffix("^{}")] = value
        return Remote(refs, default if default in refs else "")

    def _fetch(self, *words: str) -> None:
        options = ("--progress", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
                   "--no-auto-gc", "--force", "--update-shallow")  # fmt: skip
        for leftover in self.path.glob("objects/pack/tmp_*"):
            leftover.unlink()
        flags = [word for word in words if word.startswith("--")]
        specs = [word for word in words if not word.startswith("--")]
        self._ask("fetch", *options, *flags, "--", self.address.argument, *specs)

    def _fetch_all(self) -> None:
        """Every branch and tag with its history: what it takes to know a short commit."""
        self._fetch(
            "--depth=2147483647", "+refs/heads/*:refs/kept/heads/*", "+refs/tags/*:refs/kept/tags/*"
        )

    def _has(self, sha: str) -> bool:
        return self._resolve(sha) == sha

    def _resolve(self, ref: str) -> str:
        words = ("rev-parse", "--quiet", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        try:
            return self.room.ask(self.path, words, self.bounds).strip()
        except GitFailed:
            return ""

    def _ask(self, *words: str) -> str:
        try:
            return self.room.ask(self.path, words, self.bounds)
        except GitFailed as error:
            if _DAMAGED.search(str(error)):
                raise self.removed() from error
            raise said(self.address, str(error), has_access=self.room.has_access) from error

    def _no_such_ref(self, ref: str, remote: Remote) -> GitRefused:
        near = difflib.get_close_matches(ref.rpartition("/")[2], remote.names, n=3, cutoff=0.5)
        near += [name for name in remote.names if name.endswith(f"/{ref}")][:2]
        if near:
            hint = f"did you mean {' or '.join(dict.fromkeys(near))}?"
        elif remote.names:
            more = " and more" if len(remote.names) > 5 else ""
            hint = f"it has {', '.join(remote.names[:5])}{more}."
        else:
            hint = "it is empty."
        return GitRefused(
            f"There is no branch, tag or commit '{ref[:200]}' in {self.address.url}: {hint}"
        )


def check_ref(ref: str) -> None:
    """Refuse what cannot be a branch, tag or commit.

    Raises:
        GitRefused: it is an option or holds what no ref may hold.
    """
    if ref.startswith("-"):
        raise GitRefused(
            f"'{ref[:80]}' is an option, not a branch, tag or commit: name one of those."
        )
    if not ref.isprintable() or re.search(r"[\s~^:?*\[\\]|\.\.|@\{", ref):
        raise GitRefused(
            f"{ref[:80]!a} cannot be a branch, tag or commit: name one without spaces and ~ ^ : "
            "? * [ \\ .. @{."
        )


@contextmanager
def opened(
    root: Path, owner: str, address: Address, access: Access, bounds: Bounds
) -> Iterator[Mirror]:
    """The mirror of a repository for one owner, for this process alone while the block lasts.

    Owners never share one: what one may read says nothing about another.

    Raises:
        GitRefused: it is not used, or somebody else holds it for longer than there is time.
    """
    if address.kind == LOCAL:
        _check_local(Path(address.path), address)
    key = hashlib.sha256(f"{owner}\n{address.url}".encode()).hexdigest()[:32]
    path = root / key
    with _locked(root / f"{key}.lock", bounds), git_room(address, access, root / "rooms") as room:
        mirror = Mirror(path, address, room, bounds)
        if not (path / "HEAD").exists() or _is_crowded(path):
            shutil.rmtree(path, ignore_errors=True)
            room.ask(path, ("init", "--quiet", "--bare", "--template=", str(path)), bounds)
        os.utime(path)
        yield mirror


def sweep(root: Path) -> None:
    """Remove mirrors that nobody uses any more, and rooms that a killed process left."""
    _remove_old(root.glob("[0-9a-f]*/"), UNUSED_S)
    _remove_old(root.glob("rooms/git-*/"), _ABANDONED_S)


def _remove_old(folders: Iterable[Path], age_s: float) -> None:
    for folder in folders:
        if folder.is_dir() and folder.stat().st_mtime < time.time() - age_s:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path, bounds: Bounds) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                bounds.check("Another import of this repository is going on")
                time.sleep(_WAIT_S)
        yield


def _is_crowded(path: Path) -> bool:
    return sum(1 for _ in path.glob("objects/pack/*.pack")) > _CROWDED_PACKS


def _check_local(path: Path, address: Address) -> None:
    """Refuse a repository that would be read from somewhere else: that may be outside the roots."""
    git = path / ".git" if (path / ".git").exists() or (path / ".git").is_symlink() else path
    if not git.is_file() and not (git / "HEAD").exists():
        raise GitRefused(
            f"There is no git repository at {address.url}: name the folder that holds .git, or a "
            "bare repository."
        )
    parts = [git / name for name in ("objects", "refs", "HEAD", "packed-refs")]
    is_elsewhere = git.is_file() or (git / "commondir").exists()
    if is_elsewhere or any(part.is_symlink() for part in [git, *parts]):
        raise GitRefused(
            f"The repository at {address.url} keeps its files elsewhere, like a linked work tree: "
            "name the repository that holds them."
        )
    alternates = git / "objects/info/alternates"
    if alternates.exists():
        raise GitRefused(
            f"The repository at {address.url} borrows objects from another one: run 'git repack "
            "-ad' in it, then remove objects/info/alternates."
        )
