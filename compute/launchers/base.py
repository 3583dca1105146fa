"""Starting the runner so that it outlives us, and finding it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Handle = dict[str, Any]
"""Enough to find a launched task again: small JSON with `kind` and `name`, no secret."""


@dataclass(frozen=True)
class LaunchSpec:
    """One task that is to be started in its folder."""

    name: str
    """Its folder under the target's `tasks`; it carries instance, run and attempt."""
    spec: Mapping[str, Any]
    """What to run, as PROTOCOL.md words it."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that live in memory only."""
    mask: Sequence[str] = field(default=(), repr=False)
    """Values that may not stay in the log."""
    data: Sequence[str] = ()
    """Paths over there that it reads; places that contain their runs let it see these alone."""
    gpus: Sequence[str] = ()
    """The GPUs that are lent to it, by index or UUID."""
    build: Mapping[str, Any] | None = None
    """What a build is to make, as PROTOCOL.md words build.json."""
    image: str = ""
    """What it runs in, where a place has images; "" for what the place has for everybody."""
    python: str = ""
    """The Python in that image that keeps it."""


@dataclass(frozen=True)
class Report:
    """Why a launched task has not started yet, as the place's own queue tells it."""

    position: int | None
    reason: str
    starts_at: float | None
    """The queue's own estimate, unix time."""


@dataclass(frozen=True)
class Witness:
    """What a place can prove of an end that was not ours: a reason, and what is known."""

    reason: str
    """As exited.json words it."""
    sentence: str
    """"" where nothing is to be said beyond the reason."""


class Launcher(Protocol):
    """Starts tasks in one place. Each call is bounded and may be repeated.

    Exactly once is decided over there: the first that claims the folder starts the
    command, every later launch of the same name finds it claimed and starts nothing.
    """

    def launch(self, spec: LaunchSpec) -> Handle:
        """See to it that the task was started once, now or by an earlier call.

        A command that cannot be executed counts as started: its own record over there
        says how it ended.

        Raises:
            TargetUnreachable: nobody knows yet whether it started; launch again.
            RunnerRefused: the request itself is wrong; nothing was started.
        """
        ...

    def pending(self, handles: Sequence[Handle]) -> Mapping[str, Report]:
        """By name, those that wait in the place's own queue, and what for."""
        ...

    def alive(self, handle: Handle) -> bool:
        """Whether anything of the task lives; a reused process id does not count."""
        ...

    def stop(self, handle: Handle, *, grace_s: float, reason: str) -> None:
        """Ask the whole process tree to end, and see to it after `grace_s`.

        Returns at once. Stopping what has ended, or never was, succeeds; a task that has
        not started yet never will.
        """
        ...

    def settle(self, handle: Handle) -> str:
        """Record the end of a task that died without a word, where only the place knows of it.

        For when the runner cannot tell whether it lives. What lives, or has recorded its end
        itself, is left as it is: the answer says what keeps it there from going on and how it
        goes on, or is empty.
        """
        ...

    def witness(self, handle: Handle, *, reason: str) -> Witness:
        """What the place knows of the end of a task beyond the reason in its own record.

        That is `host_shutdown` (a signal that was none of ours told it to end: who sent it?) or
        `out_of_memory`. Where the place cannot prove it, the sentence names all that it may have
        been. To be asked before `release`.
        """
        ...

    def release(self, handle: Handle) -> None:
        """Give up what the place still holds of a task that has ended, but not its folder.

        It cannot start again. Releasing what is gone succeeds.
        """
        ...

    def clear(self, handle: Handle) -> None:
        """Remove the task's folder. Clearing what is gone succeeds.

        Raises:
            RunnerRefused: something of it is alive (code "alive").
        """
        ...
