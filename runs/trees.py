"""The files that a submission would run, seen without freezing them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from runs.codelook import is_python, is_shell
from runs.notebooks import is_notebook
from runs.snapshots import Manifest
from studio.client.folder import listed

T = TypeVar("T")
_LIKELY = ("train.py", "main.py", "run.py", "train.ipynb", "train.sh", "run.sh", "main.sh")
_READ_BYTES = 256 << 10
_READ_FILES = 200
_READ_S = 0.5
_MAIN = b"__main__"


@dataclass(frozen=True)
class Tree:
    """Paths with their sizes, and where the content of each lies on this machine."""

    sizes: Mapping[str, int]
    places: Mapping[str, Path]
    """Only of files: a link has none."""
    note: str = ""
    """What to know of how these files were found."""

    @property
    def size_bytes(self) -> int:
        """What its files come to."""
        return sum(self.sizes.values())

    def text(self, path: str, limit: int = 1 << 20) -> str | None:
        """The beginning of a file as text; None when it is not there, or cannot be read."""
        data = self._beginning(path, limit)
        return None if data is None else data.decode("utf-8", errors="replace")

    @cached_property
    def scripts(self) -> list[str]:
        """What can be started, the likeliest first: then by depth and name."""
        found = [path for path in self.places if is_script(path)]
        found.sort(key=lambda path: (_rank(path), path.count("/"), path))
        until = time.monotonic() + _READ_S
        read = itertools.takewhile(lambda _: time.monotonic() < until, found[:_READ_FILES])
        started = {path for path in read if self._starts_itself(path)}
        return sorted(found, key=lambda path: (_rank(path), path not in started))

    def _starts_itself(self, path: str) -> bool:
        if is_shell(path) or is_notebook(path):
            return True
        return _MAIN in (self._beginning(path, _READ_BYTES) or b"")

    def _beginning(self, path: str, limit: int) -> bytes | None:
        try:
            with self.places[path].open("rb") as file:
                return file.read(limit)
        except (KeyError, OSError):
            return None  # a server folder may change meanwhile


def tree_of_manifest(manifest: Manifest, place: Callable[[str], Path], note: str = "") -> Tree:
    """The files of a snapshot; `place` says where a content lies."""
    files = [entry for entry in manifest.entries if entry.sha]
    sizes = {entry.path: entry.size for entry in manifest.entries}
    return Tree(sizes, {entry.path: place(entry.sha) for entry in files}, note)


def tree_of_folder(folder: Path, *, max_bytes: int, max_files: int) -> Tree:
    """The files that a folder of this machine would give.

    Raises:
        FolderRefused: it cannot become a snapshot.
    """
    sizes = dict(listed(folder, max_bytes=max_bytes, max_files=max_files))
    return Tree(sizes, {path: folder / path for path in sizes})


def is_script(path: str) -> bool:
    """Whether one would start this file."""
    name = path.rpartition("/")[2]
    return (is_python(path) or is_shell(path)) and name not in {
        "__init__.py",
        "__main__.py",
        "setup.py",
        "conftest.py",
    }


def _rank(path: str) -> int:
    """How likely a script is what one wants to start: less is likelier."""
    name = path.rpartition("/")[2]
    if name in _LIKELY:
        return 2 * _LIKELY.index(name)
    parts = path.split("/")
    is_test = name.startswith("test_") or "tests" in parts or "test" in parts
    return 60 if is_test else 20 if "train" in name else 40


def in_time(work: Callable[[], T], seconds: float) -> T | None:
    """What the work gives; None when it takes longer, and then nobody waits for its end.

    Whatever the work raises is raised here.
    """
    given: list[T] = []
    raised: list[BaseException] = []

    def do() -> None:
        try:
            given.append(work())
        except BaseException as error:  # noqa: BLE001  (told to the one who waits)
            raised.append(error)

    thread = threading.Thread(target=do, name="in-time", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    return given[0] if given else None
