"""A local place under a folder of the test, of which no process is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compute.place import Place
from compute.session import Session
from compute.transports.local import make_place
from tests.kept_runner import bring_runner
from tests.waiting import eventually


@contextmanager
def place_under(folder: Path) -> Iterator[Place]:
    """This machine, with a root that has the runner, and a content store in `folder`."""
    bring_runner(folder / "root")
    place = make_place({"root": str(folder / "root")}, studio_blobs=str(folder / "blobs"))
    try:
        yield place
    finally:
        end_tasks(place)


def end_tasks(place: Place) -> None:
    """Stop whatever still runs there, and wait until it is dead."""
    tasks = Path(place.root) / "tasks"
    names = [path.name for path in tasks.iterdir()] if tasks.exists() else []
    if not names:
        return
    with Session(place) as session:
        for name in names:
            session.stop(name, reason="canceled_by_user", grace_s=0)
        eventually(
            lambda: not any(state.alive for state in session.look(names).values()),
            timeout_s=30,
            what="the tasks to end",
        )
