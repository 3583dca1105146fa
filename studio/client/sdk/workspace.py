"""The way in: a studio, a workspace of it, and what is in there by name."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any, TypeVar

from studio.client.errors import NotFound
from studio.client.http import Connection, quote, with_query
from studio.client.init import pick_workspace
from studio.client.login import find_login, find_workspace
from studio.client.project import find_project, read_project, write_project
from studio.client.sdk.experiment import Experiment
from studio.client.sdk.run import SubmittedRun
from studio.client.sdk.target import ComputeTarget

T = TypeVar("T")


class Named(dict[str, T]):
    """Things by name; a name that is not there is told with those that are."""

    def __init__(self, kind: str, pairs: Iterable[tuple[str, T]]) -> None:
        super().__init__(pairs)
        self._kind = kind

    def __missing__(self, name: str) -> T:
        """Say which there are.

        Raises:
            NotFound: always.
        """
        are = "is" if len(self) == 1 else "are"
        known = ", ".join(self) or "none yet"
        raise NotFound(f"There is no {self._kind} '{name}': there {are} {known}.")


class Workspace:
    """One workspace of one studio, as one caller sees it. Threads may share it."""

    def __init__(self, url: str, token: str, name: str = "") -> None:
        """Get in touch; without a name, the caller's only workspace.

        Raises:
            Unreachable: the studio does not answer.
            Refused: it does not know the caller, or not this workspace.
        """
        self.url, self._token = url.rstrip("/"), token
        self._local = threading.local()
        me = self.connection.json("GET", "/me")
        self.name = pick_workspace(me, name)
        self.user: str = me["user"]

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] | None = None) -> Workspace:
        """The workspace that `runyard init` noted in `path`, this folder, or one above it.

        Without such a file it is the studio that the command line finds. RUNYARD_URL and
        RUNYARD_TOKEN come first, as they do there.

        Raises:
            NotFound: a path was given, and there is no such file.
            Unreachable, Refused: as when a workspace is made.
        """
        start = os.fspath(path) if path is not None else "."
        project = read_project(start) if os.path.isfile(start) else find_project(start)
        if project is None and path is not None:
            raise NotFound(
                f"There is no .runyard/config.json in '{start}' or above it: `runyard init` "
                "writes one."
            )
        return cls(*find_login(project=project), find_workspace(project))

    def write_config(self, path: str | os.PathLike[str] = ".") -> str:
        """Note studio and workspace, never the token, below this folder: the file's path."""
        return write_project(os.fspath(path), self.url, self.name)

    @property
    def connection(self) -> Connection:
        """This thread's connection to the studio."""
        kept: Connection | None = getattr(self._local, "connection", None)
        if kept is None:
            kept = self._local.connection = self.connect()
        return kept

    def connect(self) -> Connection:
        """A connection of one's own, for an answer that takes long; its maker closes it."""
        return Connection(self.url, self._token)

    def get(self, path: str, **query: object) -> Any:
        """What REST answers about something in this workspace."""
        return self.connection.json("GET", with_query(path, workspace=self.name, **query))

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The experiments that have runs, by name."""
        names = [found["name"] for found in self.get("/experiments")]
        return Named("experiment", ((name, Experiment(self, name)) for name in names))

    @property
    def compute_targets(self) -> dict[str, ComputeTarget]:
        """Where runs can execute, by name."""
        found = [ComputeTarget.of(self, record) for record in self.get("/targets")]
        return Named("compute target", ((target.name, target) for target in found))

    def get_run(self, run_id: str | int) -> SubmittedRun:
        """A run by its number, the beginning of its id, its name, or "last".

        Raises:
            NotFound: there is none, or it is not yours to see.
        """
        record = self.connection.json("GET", f"/runs/{quote(str(run_id), '')}")
        return SubmittedRun(self, record)

    def __repr__(self) -> str:
        """For people."""
        return f"Workspace({self.name!r} of {self.url}, as {self.user})"
