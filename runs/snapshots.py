"""Snapshots: the frozen files of a script directory, as a manifest of blobs."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runs.blobs import WRITERS, BlobStore, WrongHash
from studio.client import folder as client
from studio.client.folder import FolderRefused

_SHA = re.compile(r"[0-9a-f]{64}")


class ManifestRefused(Exception):
    """A list of files cannot become a snapshot; the text is one sentence for its sender."""


@dataclass(frozen=True)
class Entry:
    """A file by its content, or a link by its text."""

    path: str
    mode: int = 0o644
    size: int = 0
    sha: str = ""
    link: str = ""

    def as_client_entry(self) -> client.Entry:
        """The entry as it is written down."""
        if self.link:
            return {"path": self.path, "link": self.link}
        return {"path": self.path, "mode": self.mode, "size": self.size, "sha": self.sha}


@dataclass(frozen=True)
class Manifest:
    """The files of a snapshot. The same files make the same digest, whatever door they came by."""

    entries: tuple[Entry, ...]

    @classmethod
    def from_json(cls, text: bytes, *, max_bytes: int, max_files: int) -> Manifest:
        """A manifest that somebody sent: checked, modes brought down to 0644 and 0755.

        Raises:
            ManifestRefused: it is none, is too big, or names what must not be named.
        """
        return cls.from_items(_loaded(text), max_bytes=max_bytes, max_files=max_files)

    @classmethod
    def from_items(cls, listed: object, *, max_bytes: int, max_files: int) -> Manifest:
        """The same, of what the text stands for."""
        if not isinstance(listed, list):
            raise ManifestRefused("The manifest is not a list of files: send [{path, …}, …].")
        entries = [_read_entry(item) for item in listed]
        check_tree([(entry.path, entry.link) for entry in entries])
        sizes = [(entry.path, entry.size) for entry in entries]
        try:
            client.check_size(sizes, max_bytes, max_files)
        except FolderRefused as error:
            raise ManifestRefused(str(error)) from error
        return cls.of(entries)

    @classmethod
    def trusted(cls, text: bytes) -> Manifest:
        """A manifest that this studio wrote itself."""
        return cls(tuple(Entry(**item) for item in json.loads(text)))

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Manifest:
        """A manifest of entries that are known to be in order."""
        return cls(tuple(sorted(entries, key=lambda entry: entry.path.encode())))

    @cached_property
    def _text(self) -> bytes:
        return client.canonical(entry.as_client_entry() for entry in self.entries)

    def to_json(self) -> bytes:
        """The text whose SHA-256 is the digest."""
        return self._text

    @cached_property
    def digest(self) -> str:
        """The name of the snapshot."""
        return hashlib.sha256(self.to_json()).hexdigest()

    @cached_property
    def paths(self) -> frozenset[str]:
        """What it holds: files and links."""
        return frozenset(self._by_path)

    def get(self, path: str) -> Entry | None:
        """The entry at a path."""
        return self._by_path.get(path)

    def has_folder(self, name: str) -> bool:
        """Whether something lies below a folder of this name."""
        return any(entry.path.startswith(f"{name}/") for entry in self.entries)

    @property
    def file_count(self) -> int:
        """How many files and links it holds."""
        return len(self.entries)

    @property
    def size_bytes(self) -> int:
        """What its files come to."""
        return sum(entry.size for entry in self.entries)

    @cached_property
    def _by_path(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self.entries}


@dataclass(frozen=True)
class Difference:
    """A manifest told as what differs from one that is known."""

    base: str
    changed: list[object]
    removed: list[str]

    def items(self, base: Manifest) -> list[object]:
        """The whole list, still to be checked."""
        told = {item["path"] for item in self.changed if isinstance(item, dict) and "path" in item}
        gone = told | set(self.removed)
        kept = [entry.as_client_entry() for entry in base.entries if entry.path not in gone]
        return [*kept, *self.changed]


def read_difference(text: bytes) -> Difference | None:
    """The difference that a text stands for; None when it is something else, like a manifest."""
    match _loaded(text):
        case {"base": str(base), "changed": list(changed), "removed": list(removed), **rest} if (
            not rest and all(isinstance(path, str) for path in removed)
        ):
            return Difference(base, changed, removed)
    return None


def snapshot_folder(folder: Path, store: BlobStore, *, max_bytes: int, max_files: int) -> Manifest:
    """Freeze a folder of this machine: its contents are in the store afterwards.

    Raises:
        FolderRefused: it cannot become a snapshot, or it changed meanwhile.
    """
    entries = client.scan(folder, max_bytes=max_bytes, max_files=max_files)
    manifest = Manifest.of(Entry(**entry) for entry in entries)
    new = {e.sha: e for e in manifest.entries if e.sha and not store.has(e.sha)}
    with ThreadPoolExecutor(WRITERS) as pool:
        for kept in [pool.submit(_keep, folder, entry, store) for entry in new.values()]:
            kept.result()
    return manifest


def _keep(folder: Path, entry: Entry, store: BlobStore) -> None:
    try:
        descriptor = os.open(folder / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise client.changed(entry.path) from error
    try:
        with open(descriptor, "rb") as content:  # noqa: PTH123  (a descriptor has no path)
            store.put(content, entry.sha)
    except WrongHash as error:
        raise client.changed(entry.path) from error


def check_tree(places: Iterable[tuple[str, str]]) -> None:
    """Refuse (path, link or "") that could not lie side by side below one folder.

    Raises:
        ManifestRefused: a path or link leaves the folder, comes twice, or passes through a
            file or link.
    """
    links: dict[str, str] = {}
    seen: set[str] = set()
    for path, link in places:
        trouble = _path_trouble(path) or (f"'{path}' comes twice." if path in seen else None)
        if trouble:
            raise ManifestRefused(trouble)
        seen.add(path)
        if link:
            links[path] = link
    for path in seen:
        for above in _folders_above(path):
            if above in seen:
                what = "link" if above in links else "file"
                raise ManifestRefused(f"'{path}' lies below '{above}', which is a {what}.")
    for path, link in links.items():
        trouble = client.link_trouble(path, link, links)
        if trouble:
            raise ManifestRefused(trouble)


def _loaded(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestRefused(f"The manifest is not JSON ({error}).") from error


def _read_entry(item: object) -> Entry:
    match item:
        case {"path": str(path), "link": str(link), **rest} if link and not rest:
            return Entry(path, link=link)
        case {"path": str(path), "mode": int(mode), "size": int(size), "sha": str(sha), **rest} if (
            0 <= mode <= 0o7777 and size >= 0 and _SHA.fullmatch(sha) and not rest
        ):
            return Entry(path, client.file_mode(mode), size, sha)
    raise ManifestRefused(
        f"{str(item)[:100]} is no entry of a manifest: send {{path, mode, size, sha}} for a file "
        "and {path, link} for a link."
    )


def _path_trouble(path: str) -> str | None:
    parts = path.split("/")
    if path.startswith("/"):
        return f"'{path}' is an absolute path: paths begin at the top of the source."
    if ".." in parts:
        return f"'{path}' leads out of the source: a path may not contain '..'."
    if "" in parts or "." in parts:
        return f"'{path}' is not a plain path: it has empty parts or '.'."
    if len(parts) > client.MAX_DEPTH + 1:
        return f"'{path[:80]}…' is nested too deep."
    return client.name_trouble(path)


def _folders_above(path: str) -> Iterable[str]:
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
