"""What an installation has left in a place: found and removed, never what is another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from compute.answers import RunnerRefused

if TYPE_CHECKING:
    from compute.place import Place
    from compute.session import Session

FOLDER, CONTAINER, IMAGE, VOLUME = "folder", "container", "image", "volume"


@dataclass(frozen=True)
class Trace:
    """One thing of ours that lies in a place."""

    kind: str
    name: str
    """What the place calls it."""
    made_at: float
    task: str = ""
    """The task that it belongs to, which is for us to judge; "" for none."""
    why: str = ""
    """Why nobody needs what is no task's, as a sentence."""
    bytes: int | None = None
    is_alive: bool = False


class Traces(Protocol):
    """Finds and removes them in one place."""

    def found(self, *, owner: str, neighbours: Sequence[Place]) -> list[Trace]:
        """All that the installation has there and might not need; sizes are not known yet.

        `neighbours` are the places of all of its targets, whose things are theirs.
        """
        ...

    def weigh(self, traces: Sequence[Trace]) -> dict[str, int]:
        """The sizes in bytes of those of them of which it can be told, by name."""
        ...

    def remove(self, trace: Trace) -> None:
        """Remove one; one that is gone is no error.

        Raises:
            RunnerRefused, TargetRefused: it is in use, or alive.
        """
        ...


class FolderTraces:
    """The folders of tasks, which every place has."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def found(self, *, owner: str, neighbours: Sequence[Place]) -> list[Trace]:
        """As promised by `Traces`."""
        del neighbours  # whose folder it is tells its name
        return [
            Trace(FOLDER, name, made_at, task=name)
            for name, made_at in self._session.tasks(f"{owner}-").items()
        ]

    def weigh(self, traces: Sequence[Trace]) -> dict[str, int]:
        """As promised by `Traces`."""
        names = [trace.name for trace in traces if trace.kind == FOLDER]
        return self._session.weigh(names) if names else {}

    def remove(self, trace: Trace) -> None:
        """As promised by `Traces`: with what else there is of the task."""
        try:
            self._session.place.launcher(self._session).clear({"name": trace.task})
        except RunnerRefused as error:
            if error.code != "alive":
                raise
            said = "It still runs: end its processes over there, then clean again."
            raise RunnerRefused(said, "alive") from error
