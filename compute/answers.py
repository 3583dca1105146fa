"""What the runner on a target answers, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class RunnerRefused(Exception):
    """The runner answered no: `str()` is its sentence for people, `code` its word for programs.

    `payload` is what some codes come with, as PROTOCOL.md says.
    """

    def __init__(self, sentence: str, code: str, payload: bytes = b"") -> None:
        super().__init__(sentence)
        self.code = code
        self.payload = payload


@dataclass(frozen=True)
class Started:
    """This request started the command: its keeper {pid, start_time, boot_id} and itself {pid}."""

    keeper: Mapping[str, Any]
    command: Mapping[str, Any]


@dataclass(frozen=True)
class AlreadyClaimed:
    """The task was started before, or stopped before it could start: nothing was done."""


@dataclass(frozen=True)
class CouldNotStart:
    """The task is claimed and has ended without its command: its own record says so too."""

    sentence: str


@dataclass(frozen=True)
class TaskState:
    """What is left of a task over there; processes are "alive", "dead", "none" or "unknown"."""

    folder: bool
    claimed: bool
    keeper: str
    sampler: str
    command: str
    rebooted: bool
    exited: Mapping[str, Any] | None
    sealed: Mapping[str, Any] | None

    @property
    def alive(self) -> bool:
        """Whether a process of it lives, as far as the target can know."""
        states = {self.keeper, self.sampler, self.command}
        return "alive" in states or ("unknown" in states and self.exited is None)


@dataclass(frozen=True)
class PythonThere:
    """Whether a Python that can be used lies at a path; `why` not."""

    is_usable: bool
    why: str
    path: str
    """The real one, never a link."""
    version: str
    """In full, like 3.11.7."""


@dataclass(frozen=True)
class OutputFile:
    """A file that matches the output patterns; `path` is relative to the working directory."""

    path: str
    size: int
    mode: int
    sha: str


@dataclass(frozen=True)
class ExtraFile:
    """A new file outside the output patterns."""

    path: str
    size: int


@dataclass(frozen=True)
class SkippedFile:
    """Something that matches the output patterns and could not be taken."""

    path: str
    why: str
    """Like "a link out of the working directory"."""


@dataclass(frozen=True)
class Collected:
    """What a task made."""

    files: list[OutputFile] = field(default_factory=list)
    extra: list[ExtraFile] = field(default_factory=list)
    """The first of them."""
    extra_count: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)
    """The first of them."""
    skipped_count: int = 0


@dataclass(frozen=True)
class EnvState:
    """How one environment on a target is."""

    is_ready: bool
    why: str
    """Why it is not, as a sentence."""
    was_ready: bool
    """Whether it was built to the end once: then it is damaged, and not just absent."""


@dataclass(frozen=True)
class EnvFound:
    """An environment that lies on a target."""

    key: str
    bytes: int
    last_used: float
    """A time stamp, to the minute."""
    ready: bool
    used_by: list[str]
    """Tasks that may live, like "run/42/1"."""


@dataclass(frozen=True)
class EnvStock:
    """All environments on a target."""

    envs: list[EnvFound]
    bytes: int
    """The room that they and the cache of packages take; a file that several share counts once."""
    cache_bytes: int
    """What the cache alone takes of it."""
