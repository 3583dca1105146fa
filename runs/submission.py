"""What somebody asks to run, as plain data: the same for every door."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

from runs.notebooks import is_notebook, notebook_words

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
class ZipSource:
    """An uploaded zip file."""

    file: BinaryIO
    filename: str = "upload.zip"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Everything that decides what will run; empty means "choose for me"."""

    source: SnapshotSource | FolderSource | ZipSource
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

    A file that is neither Python nor shell nor a notebook is executed itself.

    Raises:
        Refused: a notebook cannot be given these arguments.
    """
    suffix = PurePosixPath(script).suffix.lower()
    if suffix in {".py", ".pyw"}:
        return ["python", script, *arguments]
    if suffix in {".sh", ".bash"}:
        return ["bash", script, *arguments]
    if is_notebook(script):
        return notebook_words(script, arguments)
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
