"""What somebody asks to run, as plain data: the same for every door."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

from compute.data_names import PREFIX as DATA_PREFIX
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
class ArchiveSource:
    """An uploaded zip, tar or tar.gz."""

    file: BinaryIO
    filename: str = "upload.zip"


@dataclass(frozen=True)
class GitSource:
    """A commit of a git repository, or a sub-folder of it."""

    url: str
    ref: str = ""
    """A branch, tag, full or short commit; empty: the newest commit of the default branch."""
    folder: str = ""
    credential: str = ""
    """The name of one; empty: whichever is for the host."""


Files = SnapshotSource | FolderSource | ArchiveSource | GitSource
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
    gpus: int | None = 0
    """How many are lent to it; None: all that its target has."""
    data: Sequence[str] = ()
    """Names of data; those that arguments or command mention need not be listed."""
    priority: int = 0
    time_limit_s: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    """Names of secrets of the workspace, which become variables of the same names."""
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


def instead_of_variable(name: str) -> str:
    """What to do instead of setting a variable that the studio itself sets; empty for others."""
    if name in {"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"}:
        return "ask for GPUs"
    return "list the data that the run needs" if name.startswith(DATA_PREFIX) else ""


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name is kept encrypted and never shown again."""
    return bool(_SECRET_NAME.search(name))
