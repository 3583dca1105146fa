"""What somebody asks to run, as plain data: the same for every door."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

DEFAULT_OUTPUTS = ("outputs/**",)

_SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)


@dataclass(frozen=True)
class SnapshotSource:
    """A snapshot that the workspace already has."""

    digest: str


@dataclass(frozen=True)
class FolderSource:
    """A folder on the studio's own machine, under one of the link roots."""

    path: str


@dataclass(frozen=True)
class ArchiveSource:
    """An uploaded zip, tar or tar.gz."""

    file: BinaryIO
    filename: str = "upload.zip"


Files = SnapshotSource | FolderSource | ArchiveSource
"""What can be frozen."""


@dataclass(frozen=True)
class SavedSource:
    """A source of the workspace, by name."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Everything that decides what will run; empty means "choose for me"."""

    source: Files | SavedSource
    save_as: str = ""
    """Keep the source under this name."""
    script: str = ""
    arguments: Sequence[str] = ()
    command: Sequence[str] = ()
    target: str = ""
    environment: str = ""
    experiment: str = ""
    name: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    time_limit_s: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    outputs: Sequence[str] = DEFAULT_OUTPUTS
    git: Mapping[str, object] = field(default_factory=dict)


def command_words(script: str, arguments: Sequence[str]) -> list[str]:
    """The words that run `script`: its ending says with what.

    A file that is neither Python nor shell is executed itself.
    """
    suffix = PurePosixPath(script).suffix.lower()
    if suffix in {".py", ".pyw"}:
        return ["python", script, *arguments]
    if suffix in {".sh", ".bash"}:
        return ["bash", script, *arguments]
    return [f"./{script}", *arguments]


def split_command(text: str) -> list[str]:
    """A command line typed by a person, as words.

    Raises:
        ValueError: a quotation mark is not closed.
    """
    return shlex.split(text)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name is kept encrypted and never shown again."""
    return bool(_SECRET_NAME.search(name))
