"""Requests to the runner on a target: one request, one answer, over one open channel."""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from compute.contact import open_runner
from compute.frames import FrameTooBig, Header, receive_frame, send_frame
from compute.place import Place

ANSWER_S = 30.0
"""How long an answer may take, unless a request says otherwise."""
IDLE_S = 20.0
"""How long an unused session is kept: shorter than the 30 s after which its runner ends."""
_PIECE_BYTES = 1 << 20
_START_S = 15.0
"""The runner itself waits 10 s for the command to start."""
_ENDING_S = 600.0
"""For what reads or copies whole logs, snapshots and outputs over there."""


class RunnerRefused(Exception):
    """The runner answered no: `str()` is its sentence for people, `code` its word for programs."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


class Sink(Protocol):
    """Whatever takes the bytes of a fetched file."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""
        ...


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
    """The folder is claimed, but the command does not run: `sentence` says why."""

    sentence: str


@dataclass(frozen=True)
class TaskState:
    """What is left of a task over there; processes are "alive", "dead" or "none"."""

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
        """Whether any process of it lives."""
        return "alive" in (self.keeper, self.sampler, self.command)


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
class Collected:
    """What a task made."""

    files: list[OutputFile]
    extra: list[ExtraFile]


class Session:
    """An open line to the runner of one place; a context manager that closes it.

    For one thread at a time. Every request either answers, or raises within its time:

        TargetUnreachable: the channel broke; whether the request was done is not known,
            and the session is of no use any more.
        RunnerRefused: the runner said no; the session goes on.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._channel, self.runner_sha = open_runner(
            place, "session", place.root, "--blobs", place.blobs
        )
        self._between_requests = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session; what it started goes on."""
        self._channel.close()

    @property
    def is_usable(self) -> bool:
        """Whether the next request has a chance: nothing is half said and the line stands."""
        return self._between_requests and self._channel.wait(timeout_s=0) is None

    def hello(self, *, timeout_s: float = ANSWER_S) -> dict[str, Any]:
        """The facts of the target, as PROTOCOL.md lists them."""
        return self._ask({"op": "hello"}, timeout_s=timeout_s)[0]

    def have(self, shas: Iterable[str]) -> set[str]:
        """Those of `shas` that the target lacks."""
        missing: set[str] = set()
        for page in _pages(list(shas)):
            _, payload = self._ask({"op": "have"}, json.dumps(page).encode())
            missing.update(json.loads(payload))
        return missing

    def send(self, sha: str, path: Path) -> None:
        """Bring one file into the target's content store; the runner verifies its hash."""
        with path.open("rb") as file:
            size = path.stat().st_size
            piece = file.read(_PIECE_BYTES)
            sent = len(piece)
            while sent < size and piece:
                self._say({"op": "receive", "sha": sha, "size": size, "more": True}, piece)
                piece = file.read(_PIECE_BYTES)
                sent += len(piece)
            self._ask({"op": "receive", "sha": sha, "size": size, "more": False}, piece)

    def materialise(self, name: str, manifest: bytes) -> None:
        """Lay out the manifest's files as the task's `code`; a half-done folder is begun anew."""
        self._ask({"op": "materialise", "task": name}, manifest, timeout_s=_ENDING_S)

    def start(
        self, name: str, spec: Mapping[str, Any], *,
        secrets: Mapping[str, str] | None = None, mask: Sequence[str] = (),
    ) -> Started | AlreadyClaimed | CouldNotStart:
        """Start the task unless anybody ever did; back as soon as its command runs."""
        answer, _ = self._ask(
            {
                "op": "start", "name": name, "spec": dict(spec),
                "secrets": dict(secrets or {}), "mask": list(mask),
            },
            timeout_s=_START_S,
        )
        if answer.get("started"):
            return Started(keeper=answer["keeper"], command=answer["command"])
        if answer.get("claimed"):
            return AlreadyClaimed()
        return CouldNotStart(str(answer["failed"]))

    def look(self, names: Sequence[str]) -> dict[str, TaskState]:
        """What is left of each task."""
        answer, _ = self._ask({"op": "look", "names": list(names)})
        return {name: _task_state(answer["tasks"][name]) for name in names}

    def stop(self, name: str, *, reason: str, grace_s: float) -> None:
        """Have the whole process tree end within `grace_s`, then killed; answers at once."""
        self._ask({"op": "stop", "name": name, "reason": reason, "grace_s": grace_s})

    def seal(self, name: str, mask: Sequence[str]) -> dict[str, Any] | None:
        """Size and hash of the masked log, fixed now if they were not; None without a folder."""
        answer, _ = self._ask(
            {"op": "seal", "name": name, "mask": list(mask)}, timeout_s=_ENDING_S
        )
        return answer.get("sealed")

    def collect(
        self, name: str, patterns: Sequence[str], *, settled_s: float | None = None
    ) -> Collected:
        """The files that match, and what else is new; `settled_s`: only what stood still so long."""
        request: Header = {"op": "collect", "name": name, "patterns": list(patterns)}
        if settled_s is not None:
            request["settled_s"] = settled_s
        _, payload = self._ask(request, timeout_s=_ENDING_S)
        found = json.loads(payload)
        return Collected(
            files=[
                OutputFile(path=f["path"], size=f["size"], mode=f["mode"], sha=f["sha"])
                for f in found["files"]
            ],
            extra=[ExtraFile(path=f["path"], size=f["size"]) for f in found["extra"]],
        )

    def fetch(self, name: str, path: str, into: Sink) -> None:
        """Write one file of the task's working directory to `into`."""
        header, payload = self._ask({"op": "fetch", "name": name, "path": path, "offset": 0})
        into.write(payload)
        while header.get("more"):
            header, payload = self._hear(ANSWER_S)
            into.write(payload)

    def env_ready(self, path: str) -> tuple[bool, str]:
        """Whether the environment at `path` is complete and unchanged; why not."""
        answer, _ = self._ask({"op": "env", "path": path})
        return bool(answer["ready"]), str(answer.get("why") or "")

    def envs(self) -> list[dict[str, Any]]:
        """The environments that lie on the target: [{key, bytes, last_used}]."""
        answer, _ = self._ask({"op": "envs"}, timeout_s=_ENDING_S)
        found: list[dict[str, Any]] = answer["envs"]
        return found

    def remove_env(self, key: str) -> None:
        """Remove an environment; one that is gone is no error."""
        self._ask({"op": "remove_env", "key": key}, timeout_s=_ENDING_S)

    def clear(self, name: str) -> None:
        """Remove a task's folder unless something of it is alive."""
        self._ask({"op": "clear", "name": name}, timeout_s=_ENDING_S)

    def _ask(
        self, request: Mapping[str, Any], payload: bytes = b"", *, timeout_s: float = ANSWER_S
    ) -> tuple[Header, bytes]:
        self._say(request, payload)
        return self._hear(timeout_s)

    def _say(self, request: Mapping[str, Any], payload: bytes) -> None:
        try:
            was_between, self._between_requests = self._between_requests, False
            send_frame(self._channel, request, payload, timeout_s=ANSWER_S)
        except FrameTooBig as error:
            self._between_requests = was_between
            raise RunnerRefused(f"The request '{request['op']}' is too big: {error}.", "too_big") from error

    def _hear(self, timeout_s: float) -> tuple[Header, bytes]:
        header, payload = receive_frame(self._channel, timeout_s=timeout_s)
        self._between_requests = not header.get("more")
        if "error" in header:
            raise RunnerRefused(str(header["error"]), str(header.get("code") or "refused"))
        return header, payload


def _pages(shas: list[str]) -> Iterator[list[str]]:
    """So many at a time that a page fits into one frame."""
    for start in range(0, len(shas), 20_000):
        yield shas[start : start + 20_000]


def _task_state(found: Mapping[str, Any]) -> TaskState:
    return TaskState(
        folder=found["folder"], claimed=found["claimed"], keeper=found["keeper"],
        sampler=found["sampler"], command=found["command"], rebooted=found["rebooted"],
        exited=found["exited"], sealed=found["sealed"],
    )


class SessionPool:
    """Lends sessions, each to one caller at a time: opening one costs a process over there.

    Who asks again within `IDLE_S` finds a session still warm; two callers at once get
    two. One that broke, or in which a request was cut off, is never lent again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Session, float]] = []

    @contextmanager
    def lend(self, place: Place) -> Iterator[Session]:
        """A session of `place` for the time of the block.

        Raises:
            TargetUnreachable, TargetRefused: as `Session` does when it is opened.
        """
        session = self._take(place) or Session(place)
        try:
            yield session
        finally:
            self._give_back(session)

    def close(self) -> None:
        """Close all idle sessions; lent ones are their borrowers' until they come back."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session, _ in idle:
            session.close()

    def forget(self) -> None:
        """In a forked child: the lines are its parent's, so leave them alone."""
        self._lock = threading.Lock()
        self._idle = []

    def _take(self, place: Place) -> Session | None:
        """The session of the place that came back last, if one still stands."""
        oldest = time.monotonic() - IDLE_S
        with self._lock:
            useless = [s for s, since in self._idle if since < oldest or not s.is_usable]
            fit = [s for s, _ in self._idle if s.place == place and s not in useless]
            gone = [*useless, *fit[-1:]]
            self._idle = [item for item in self._idle if item[0] not in gone]
        for session in useless:
            session.close()
        return fit[-1] if fit else None

    def _give_back(self, session: Session) -> None:
        if session.is_usable:
            with self._lock:
                self._idle.append((session, time.monotonic()))
        else:
            session.close()


_pool = SessionPool()
session_for = _pool.lend
atexit.register(_pool.close)
os.register_at_fork(after_in_child=_pool.forget)
