"""Remembered hashes of files, so that an unchanged folder is not read again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress

RACY_NS = 2_000_000_000
"""A file touched so shortly before it is read may change again without a sign in its times."""


class HashCache:
    """The SHA-256 of each file of one folder, as of what its inode looked like.

    Only ever a shortcut: a cache that cannot be read or written costs time, nothing else.
    """

    def __init__(self, folder: str) -> None:
        self._path = cache_file("hashes", folder)
        self._trusted_before_ns = time.time_ns() - RACY_NS
        self._old = _loaded(self._path)
        self._new: dict[str, list[object]] = {}

    def get(self, path: str, found: os.stat_result) -> str | None:
        """The hash of a file that still looks the same."""
        known = self._old.get(path)
        if not known or known[:-1] != _looks(found) or not isinstance(known[-1], str):
            return None
        return known[-1]

    def put(self, path: str, found: os.stat_result, sha: str) -> None:
        """Remember a hash, unless the file was touched a moment ago."""
        if max(found.st_mtime_ns, found.st_ctime_ns) < self._trusted_before_ns:
            self._new[path] = [*_looks(found), sha]

    def save(self) -> None:
        """Keep what was put; files that were not put are forgotten."""
        if self._new == self._old:
            return
        temporary = f"{self._path}.{os.getpid()}-{id(self)}"
        with suppress(OSError):
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(self._new, file)
            os.replace(temporary, self._path)


def _looks(found: os.stat_result) -> list[object]:
    return [found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino]


def _loaded(path: str) -> dict[str, list[object]]:
    try:
        with open(path, encoding="utf-8") as file:
            known = json.load(file)
    except (OSError, ValueError):
        return {}
    shaped = isinstance(known, dict) and all(isinstance(entry, list) for entry in known.values())
    return known if shaped else {}


def cache_file(kind: str, folder: str) -> str:
    """Where the user's cache keeps what is remembered of a folder."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
    return os.path.join(home, "runyard", kind, f"{name}.json")
