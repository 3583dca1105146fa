"""Requests to the runner on a target: one request, one answer, over one open channel."""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from compute.answers import (
    AlreadyClaimed,
    Collected,
    CouldNotStart,
    EnvFound,
    EnvState,
    EnvStock,
    ExtraFile,
    OutputFile,
    PythonThere,
    RunnerRefused,
    SkippedFile,
    Started,
    TaskState,
)
from compute.contact import open_runner
from compute.endings import read_seal
from compute.frames import FrameTooBig, Header, receive_frame, send_frame
from compute.place import Place
from compute.transports.base import TargetUnreachable

__all__ = ("RunnerRefused", "Session", "SessionPool", "session_for")

ANSWER_S = 30.0
"""How long the runner may be silent before an answer; while it works it says so every 5 s."""
IDLE_S = 20.0
"""How long an unused session is kept: shorter than the 30 s after which its runner ends."""
_REMOVAL_S = 120.0
"""Removing a tree tells nothing before its end."""
_PIECE_BYTES = 1 << 20


class Sink(Protocol):
    """Whatever takes the bytes of a fetched file."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""
        ...


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

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What `hello` said when it was first asked for: for what does not change meanwhile."""
        return self.hello()

    def ping(self) -> None:
        """Keep the runner from taking a long silence for our end."""
        self._ask({"op": "ping"})

    def send(self, sha: str, path: Path) -> None:
        """Bring one file into the target's content store; the runner verifies its hash."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self._say(
                {"op": "receive", "sha": sha, "size": size},
                iter(lambda: file.read(_PIECE_BYTES), b""),
            )
            self._hear()

    def materialise(self, name: str, manifest: bytes) -> set[str]:
        """Lay out the manifest's files as the task's `code`; a half-done folder is begun anew.

        The answer is the contents that the target lacks, or has damaged: then nothing is laid
        out, and it can be asked again once they were sent.
        """
        try:
            self._ask({"op": "materialise", "task": name}, manifest, timeout_s=_REMOVAL_S)
        except RunnerRefused as error:
            if error.code != "missing":
                raise
            return set(json.loads(error.payload))
        return set()

    def prepare(
        self, name: str, spec: Mapping[str, Any], build: Mapping[str, Any] | None = None
    ) -> None:
        """Write what the task is to run, for a keeper that is started by other means.

        Raises:
            RunnerRefused: it was started, or stopped for ever, before (code "claimed").
        """
        self._ask({"op": "prepare", "name": name, "spec": dict(spec), "build": build})

    def start(
        self,
        name: str,
        spec: Mapping[str, Any],
        *,
        secrets: Mapping[str, str] | None = None,
        mask: Sequence[str] = (),
        build: Mapping[str, Any] | None = None,
    ) -> Started | AlreadyClaimed | CouldNotStart:
        """Start the task unless anybody ever did; back as soon as its command runs.

        `secrets` are variables that live in memory only, `mask` the values to be hidden
        in the log, `build` becomes the task's build.json.
        """
        request: Header = {"op": "start", "name": name, "spec": dict(spec), "build": build}
        request |= {"secrets": dict(secrets or {}), "mask": list(mask)}
        try:
            answer, _ = self._ask(request)
        except RunnerRefused as error:
            if error.code == "timeout":  # it may start yet: nobody may take that for an end
                raise TargetUnreachable(str(error)) from error
            raise
        if answer.get("started"):
            return Started(keeper=answer["keeper"], command=answer["command"])
        if answer.get("claimed"):
            return AlreadyClaimed()
        return CouldNotStart(str(answer["failed"]))

    def look(self, names: Sequence[str]) -> dict[str, TaskState]:
        """What is left of each task."""
        _, payload = self._ask({"op": "look", "names": list(names)})
        return {name: _task_state(found) for name, found in json.loads(payload).items()}

    def tasks(self, prefix: str) -> dict[str, float]:
        """Of all tasks whose names begin so, alive or not, when their folders last changed.

        Those whose removal was cut off are among them.
        """
        _, payload = self._ask({"op": "tasks", "prefix": prefix})
        return {name: float(changed_at) for name, changed_at in json.loads(payload).items()}

    def weigh(self, names: Sequence[str]) -> dict[str, int]:
        """The room that the folders of tasks take on the disk, in bytes."""
        _, payload = self._ask({"op": "weigh", "names": list(names)})
        return {name: int(size) for name, size in json.loads(payload).items()}

    def stop(self, name: str, *, reason: str, grace_s: float) -> None:
        """Have the whole process tree end within `grace_s`, then killed; answers at once."""
        self._ask({"op": "stop", "name": name, "reason": reason, "grace_s": grace_s})

    def conclude(self, name: str, *, reason: str, error: str, unclaimed: bool) -> None:
        """Record the end of a task of which nothing lives, unless it has one; `error` says why.

        For who knows better than the runner, which cannot look into a container. With
        `unclaimed` also that of one whose keeper died before it could claim it; what that said
        itself comes first.
        """
        request = {"op": "conclude", "name": name, "reason": reason, "error": error}
        self._ask({**request, "unclaimed": unclaimed})

    def seal(self, name: str, mask: Sequence[str]) -> dict[str, Any] | None:
        """Size and hash of the masked log, fixed now if nobody has; None: its command spoiled them.

        Raises:
            RunnerRefused: something of the task is alive ("alive"), or its folder is gone
                ("gone").
        """
        answer, _ = self._ask({"op": "seal", "name": name, "mask": list(mask)})
        return read_seal(answer["sealed"])

    def collect(
        self, name: str, patterns: Sequence[str], *, settled_s: float | None = None
    ) -> Collected:
        """The files that match, and what else is new; with `settled_s` only what stood still."""
        request: Header = {"op": "collect", "name": name, "patterns": list(patterns)}
        if settled_s is not None:
            request["settled_s"] = settled_s
        _, payload = self._ask(request)
        found = json.loads(payload)
        return Collected(
            files=[
                OutputFile(path=f["path"], size=f["size"], mode=f["mode"], sha=f["sha"])
                for f in found["files"]
            ],
            extra=[ExtraFile(path=f["path"], size=f["size"]) for f in found["extra"]],
            extra_count=int(found["extra_count"]),
            skipped=[SkippedFile(path=f["path"], why=f["why"]) for f in found["skipped"]],
            skipped_count=int(found["skipped_count"]),
        )

    def fetch(self, name: str, path: str, into: Sink) -> None:
        """Write one file of the task's working directory to `into`."""
        self._say({"op": "fetch", "name": name, "path": path, "offset": 0})
        for _, piece in self._pieces(ANSWER_S):
            into.write(piece)

    def env_state(self, path: str) -> EnvState:
        """How the environment at `path` is, judged by stat; it counts as used now."""
        answer, _ = self._ask({"op": "env", "path": path})
        return EnvState(
            is_ready=bool(answer["ready"]),
            why=str(answer.get("why") or ""),
            was_ready=bool(answer.get("was_ready")),
        )

    def envs(self) -> EnvStock:
        """The environments that lie on the target and the room that they take."""
        answer, _ = self._ask({"op": "envs"})
        envs = [
            EnvFound(**{f.name: env[f.name] for f in fields(EnvFound)}) for env in answer["envs"]
        ]
        return EnvStock(envs, int(answer["bytes"]), int(answer["cache_bytes"]))

    def remove_env(self, key: str, *, unused_s: int = 0) -> None:
        """Remove an environment; one that is gone is no error.

        Raises:
            RunnerRefused: it is being built ("busy"), or a task that may live executes in it or
                it was used within `unused_s` ("used").
        """
        request: Header = {"op": "remove_env", "key": key, "unused_s": unused_s}
        self._ask(request, timeout_s=_REMOVAL_S)

    def sweep_envs(self) -> int:
        """Remove what builds and removals that were cut off left: how many folders."""
        answer, _ = self._ask({"op": "sweep_envs"}, timeout_s=_REMOVAL_S)
        return int(answer["removed"])

    def verify_env(self, key: str) -> str:
        """Why an environment is not what was installed, by the hashes of its files; "" if it is."""
        answer, _ = self._ask({"op": "verify_env", "key": key}, timeout_s=_REMOVAL_S)
        return str(answer["fault"])

    def trim_cache(self, wanted_bytes: int) -> int:
        """Free so much of what only the cache of packages holds: how much that was."""
        answer, _ = self._ask({"op": "trim_cache", "bytes": wanted_bytes}, timeout_s=_REMOVAL_S)
        return int(answer["freed_bytes"])

    def interpreter(self, path: str) -> PythonThere:
        """What lies at `path`: it is executed once to tell its version."""
        answer, _ = self._ask({"op": "interpreter", "path": path})
        return PythonThere(bool(answer["ok"]), answer["why"], answer["python"], answer["version"])

    def paths(self, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
        """What lies at each path: ("folder" or "file" or "", why it cannot be read)."""
        _, payload = self._ask({"op": "paths", "paths": list(paths)})
        return {found["path"]: (found["kind"], found["why"]) for found in json.loads(payload)}

    def clear(self, name: str) -> None:
        """Remove a task's folder unless something of it is alive."""
        self._ask({"op": "clear", "name": name}, timeout_s=_REMOVAL_S)

    def _ask(
        self, request: Header, payload: bytes = b"", *, timeout_s: float = ANSWER_S
    ) -> tuple[Header, bytes]:
        self._say(request, _cut(payload))
        return self._hear(timeout_s)

    def _say(self, request: Header, pieces: Iterable[bytes | memoryview] = ()) -> None:
        """Send a request in as many frames as its payload needs; each but the last has `more`."""
        was_between, self._between_requests = self._between_requests, False
        piece: bytes | memoryview = b""
        try:
            for following in pieces:
                if piece:
                    self._send(dict(request, more=True), piece)
                piece = following
            self._send(request, piece)
        except FrameTooBig as error:
            self._between_requests = was_between
            sentence = f"The request '{request['op']}' is too big: {error}."
            raise RunnerRefused(sentence, "too_big") from error

    def _send(self, header: Header, piece: bytes | memoryview) -> None:
        send_frame(self._channel, header, piece, timeout_s=ANSWER_S)

    def _hear(self, timeout_s: float = ANSWER_S) -> tuple[Header, bytes]:
        """A whole answer: the header of its last frame, all of its payload."""
        frames = list(self._pieces(timeout_s))
        return frames[-1][0], b"".join(piece for _, piece in frames)

    def _pieces(self, timeout_s: float) -> Iterator[tuple[Header, bytes]]:
        """The frames of an answer, without those that only say that it is being worked on."""
        more, refused = True, b""
        while more:
            header, payload = receive_frame(self._channel, timeout_s=timeout_s)
            if header.get("working"):
                continue
            more = bool(header.get("more"))
            self._between_requests = not more
            if "error" in header:
                refused += payload
                if more:
                    continue
                code = str(header.get("code") or "refused")
                raise RunnerRefused(str(header["error"]), code, refused)
            yield header, payload


def _cut(payload: bytes) -> Iterator[memoryview]:
    view = memoryview(payload)
    return (view[start : start + _PIECE_BYTES] for start in range(0, len(view), _PIECE_BYTES))


def _task_state(found: Mapping[str, Any]) -> TaskState:
    return TaskState(**{field.name: found[field.name] for field in fields(TaskState)})


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
