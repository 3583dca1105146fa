"""In a Docker engine: commands in a helper container, over the engine's own connection."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docker.errors import APIError, NotFound

from compute.containers import CONFLICT, ROOT, Site, site_from
from compute.engine import Engine
from compute.engine_exam import EngineExam
from compute.enginetraces import EngineTracing
from compute.images import EngineImages
from compute.launchers.docker import DockerLaunching
from compute.place import Place
from compute.transports.base import TargetRefused, TargetUnreachable

_TRIES = 3
_START_S = 30.0
_END_S = 1.0
"""How long a command may take to end by itself once its input has ended."""
_LAST_WORDS_BYTES = 4096
_RECEIVE_BYTES = 1 << 18
_AHEAD_BYTES = 4 << 20
"""So much is taken in before anybody reads it."""
_STDERR = 2
_UNKNOWN_STATUS = 255
"""As ssh says when the connection ended and not the command."""
_ANNOUNCE = (
    'command -v "$1" >/dev/null 2>&1 || { echo "there is no such program" >&2; exit 127; }\n'
    'echo $$ >&2; exec "$@"'
)
"""Tells the number by which the command can be ended: the engine knows only its own."""


@dataclass(frozen=True)
class DockerTransport:
    """Starts commands in the helper of a site, which is made again whenever it is gone."""

    site: Site

    def popen(self, argv: Sequence[str]) -> DockerChannel:
        """As promised by `Transport`."""
        engine = self.site.engine
        with engine.reached():
            helper, number = self._prepare(["/bin/sh", "-c", _ANNOUNCE, "sh", *argv])
            stream = engine.stream(f"/exec/{number}/start", {"Detach": False, "Tty": False})
        channel = DockerChannel(Exec(engine, helper, number), stream)
        try:
            channel.await_start(argv[0])
        except BaseException:
            channel.close()
            raise
        return channel

    def _prepare(self, argv: Sequence[str]) -> tuple[str, str]:
        """The helper, and the id of a command that waits in it."""
        for _ in range(_TRIES):
            helper = self.site.helper()
            try:
                made = self.site.engine.api.exec_create(
                    helper, list(argv), stdin=True, user=self.site.user, workdir="/"
                )
            except APIError as error:
                if error.status_code not in {404, CONFLICT}:
                    raise
                self.site.remove(helper)  # it went, or was paused, since we looked
                continue
            return helper, str(made["Id"])
        raise TargetUnreachable(f"Somebody stops the container {self.site.helper_name}.")


@dataclass(frozen=True)
class Exec:
    """One command in a container, as the engine knows it."""

    engine: Engine
    container: str
    number: str

    def status(self, *, within_s: float) -> int | None:
        """Its exit status; None while it runs after that time.

        Raises:
            TargetUnreachable: the engine does not answer.
        """
        deadline = time.monotonic() + within_s
        while True:
            with self.engine.reached():
                try:
                    found = self.engine.brief_api.exec_inspect(self.number)
                except NotFound:  # its container is gone, and it with it
                    return _UNKNOWN_STATUS
            if not found["Running"]:
                code = found["ExitCode"]
                return _UNKNOWN_STATUS if code is None else int(code)
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.01)

    def kill(self, pid: int) -> None:
        """End it by its number in the container."""
        with self.engine.reached():
            words = ["/bin/sh", "-c", f"kill -9 {pid}"]
            with contextlib.suppress(APIError):  # the container is gone
                made = self.engine.brief_api.exec_create(self.container, words, user="0:0")
                self.engine.brief_api.exec_start(made["Id"])


class DockerChannel:
    """A `Channel` over one connection in which the engine marks output and errors."""

    def __init__(self, command: Exec, stream: socket.socket) -> None:
        self._command = command
        self._stream = stream
        stream.settimeout(0)
        self._arrived, self._output = bytearray(), bytearray()
        self._last_words = b""
        self._pid: int | None = None
        self._status: int | None = None
        self._is_over = False
        self._closed = threading.Event()
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._using = threading.Lock()  # a TLS connection is for one thread at a time

    def await_start(self, program: str) -> None:
        """Wait until the command is there.

        Raises:
            TargetRefused: it cannot be started.
        """
        deadline = time.monotonic() + _START_S
        with self._reading:
            while b"\n" not in self._last_words and not self._is_over:
                if not self._take(deadline):
                    raise self._too_slow()
            number, _, rest = self._last_words.partition(b"\n")
            if not number.strip().isdigit():
                said = (self._last_words or bytes(self._output)).decode("utf-8", "replace").strip()
                raise TargetRefused(f"{program} cannot be started in the container: {said}.")
            self._pid, self._last_words = int(number), rest

    def read_exact(self, n: int, *, timeout_s: float) -> bytes:
        """As promised by `Channel`."""
        deadline = time.monotonic() + timeout_s
        with self._reading:
            self._check_open()
            while len(self._output) < n:
                if self._is_over:
                    raise self._broken()
                if not self._take(deadline):
                    raise self._too_slow()
                self._check_open()
            with memoryview(self._output) as view:
                data = bytes(view[:n])
            del self._output[:n]
        return data

    def readable(self, *, timeout_s: float) -> bool:
        """As promised by `Channel`."""
        deadline = time.monotonic() + timeout_s
        with self._reading:
            self._check_open()
            while not self._output and not self._is_over:
                if not self._take(deadline):
                    return False
            return True

    def write(self, data: bytes | memoryview, *, timeout_s: float) -> None:
        """As promised by `Channel`."""
        deadline = time.monotonic() + timeout_s
        with self._writing, memoryview(data) as view:
            done = 0
            while done < len(view):
                self._check_open()
                if self._is_over:
                    raise self._broken()
                try:
                    with self._using:
                        done += self._stream.send(view[done : done + _RECEIVE_BYTES])
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    if not self._await_room(deadline):
                        raise self._too_slow() from None
                except OSError as error:
                    raise self._broken() from error

    def wait(self, *, timeout_s: float) -> int | None:
        """As promised by `Channel`; 255 when only the connection is known to have ended."""
        deadline = time.monotonic() + timeout_s
        if self._closed.is_set() or not self._reading.acquire(timeout=max(0.0, timeout_s)):
            return self._status
        try:
            while not self._is_over and len(self._output) < _AHEAD_BYTES:
                if not self._take(deadline):
                    return None
            if self._is_over and self._status is None:
                self._status = self._ask_status(max(_END_S, deadline - time.monotonic()))
            return self._status
        finally:
            self._reading.release()

    def close(self) -> None:
        """As promised by `Channel`: the end of the connection is the end of the input."""
        if self._closed.is_set():
            return
        self._closed.set()
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)  # wakes who still reads or writes
        with contextlib.suppress(TargetUnreachable, TargetRefused):
            self._end()
        for lock in (self._writing, self._reading):
            if lock.acquire(timeout=_END_S):
                lock.release()
        self._stream.close()

    def _end(self) -> None:
        """See that the command is gone. Without a link it ends by itself, without input."""
        if self._status is None:
            self._status = self._command.status(within_s=_END_S)
        if self._status is None and self._pid is not None:
            self._command.kill(self._pid)
            self._status = self._command.status(within_s=_END_S)

    def _ask_status(self, within_s: float) -> int:
        try:
            status = self._command.status(within_s=within_s)
        except (TargetUnreachable, TargetRefused):
            status = None
        return _UNKNOWN_STATUS if status is None else status

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise TargetUnreachable("The connection to the target was closed.")

    # -- what arrives

    def _take(self, deadline: float) -> bool:
        """Take in what has arrived, or arrives until then: whether it was anything, or the end."""
        while True:
            try:
                with self._using:
                    piece = self._stream.recv(_RECEIVE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                if not self._poll(select.POLLIN, deadline):
                    return False
                continue
            except ssl.SSLWantWriteError:
                if not self._poll(select.POLLOUT, deadline):
                    return False
                continue
            except OSError:
                piece = b""
            break
        if piece:
            self._sort(piece)
        else:
            self._is_over = True
        return True

    def _sort(self, piece: bytes) -> None:
        """Part output and errors: each stretch begins with its stream and its length."""
        self._arrived += piece
        start = 0
        while len(self._arrived) >= start + 8:
            end = start + 8 + int.from_bytes(self._arrived[start + 4 : start + 8], "big")
            if len(self._arrived) < end:
                break
            content = self._arrived[start + 8 : end]
            if self._arrived[start] == _STDERR:
                said = self._last_words + content
                self._last_words = said if self._pid is None else said[-_LAST_WORDS_BYTES:]
            else:
                self._output += content
            start = end
        del self._arrived[:start]

    def _await_room(self, deadline: float) -> bool:
        """Wait until more can be written. What arrives meanwhile is taken, so that it can move."""
        is_free = len(self._output) < _AHEAD_BYTES and self._reading.acquire(blocking=False)
        if not is_free:
            return bool(self._poll(select.POLLOUT, deadline))
        try:
            while True:
                ready = self._poll(select.POLLOUT | select.POLLIN, deadline)
                if not ready & select.POLLIN or len(self._output) >= _AHEAD_BYTES:
                    return bool(ready)
                self._take(0)
                if ready & select.POLLOUT or self._is_over:
                    return True
        finally:
            self._reading.release()

    def _poll(self, events: int, deadline: float) -> int:
        """What the connection is ready for by then; 0 when it is for nothing."""
        poll = select.poll()
        poll.register(self._stream, events)
        left = max(0.0, deadline - time.monotonic())
        return next((event for _, event in poll.poll(left * 1000)), 0)

    # -- complaints

    def _too_slow(self) -> TargetUnreachable:
        return TargetUnreachable(f"The target did not answer in time.{self._quote()}")

    def _broken(self) -> TargetUnreachable:
        if self._status is None:
            self._status = self._ask_status(_END_S)
        ending = f"The target ended the connection (exit status {self._status})."
        return TargetUnreachable(f"{ending}{self._quote()}")

    def _quote(self) -> str:
        lines = self._last_words.decode("utf-8", errors="replace").strip().splitlines()
        return f" It said: {lines[-1].strip()}" if lines else ""


def make_place(config: Mapping[str, str], *, studio_blobs: str) -> Place:
    """A Docker engine as a place to run, with a content store in its own volume."""
    del studio_blobs
    site = site_from(config)
    return Place(
        transport=DockerTransport(site),
        root=ROOT,
        python=site.python,
        blobs=f"{ROOT}/blobs",
        launcher=DockerLaunching(site),
        examine=EngineExam(site),
        images=EngineImages(site),
        traces=EngineTracing(site),
    )
