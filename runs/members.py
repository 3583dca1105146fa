"""What an archive lists, whatever kind of archive it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from runs.snapshots import ManifestRefused
from studio.client import folder as client
from studio.client.folder import FolderRefused

MAX_RATIO = 200
"""What honest files are packed to at best."""
RATIO_MATTERS_BYTES = 32 << 20


class Kind(StrEnum):
    """What a member is, as far as it can be kept."""

    FILE = "file"
    LINK = "link"
    OTHER = "other"
    """A device, a named pipe, a socket."""


@dataclass(frozen=True)
class Member:
    """A file or link in an archive, by the path it will have."""

    path: str
    kind: Kind
    at: Any
    """What its archive finds the content by."""
    mode: int = 0o644
    size: int = 0
    link: str = ""

    def below_top(self) -> Member:
        """The member without the first folder of its path."""
        return replace(self, path=self.path.partition("/")[2])


def member_path(word: str, name: str) -> str:
    """The path for a name in an archive (a `word`), without empty parts and dots.

    Raises:
        ManifestRefused: it is absolute, leads out or is nested too deep.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise ManifestRefused(f"The {word} holds the absolute path {name!a}: pack it again.")
    if ".." in parts or not parts:
        raise ManifestRefused(f"The {word} holds {name!a}, which is no place in it: pack it again.")
    if len(parts) > client.MAX_DEPTH:
        raise ManifestRefused(f"'{name[:80]}…' is nested too deep in the {word}.")
    return "/".join(parts)


def bomb(word: str, unpacked: int) -> ManifestRefused:
    """The refusal of what unpacks to far more than it is."""
    return ManifestRefused(
        f"The {word} would unpack to {client.readable_size(unpacked)}, more than {MAX_RATIO} "
        "times what it holds: leave generated data out."
    )


def too_many(word: str, count: str, most: int) -> ManifestRefused:
    """The refusal of an archive that lists more than anybody looks at."""
    return ManifestRefused(
        f"The {word} lists {count} files, more than the {most:,} that are looked at: pack it "
        "without virtual environments, caches and data."
    )


@contextmanager
def size_refusal() -> Iterator[None]:
    """The client's refusals of a size, as those of a list of files."""
    try:
        yield
    except FolderRefused as error:
        raise ManifestRefused(str(error)) from error
