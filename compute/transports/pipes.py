"""A channel over the pipes of a child process: the command, or the client that carries it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import threading
import time
from typing import IO

from compute.transports.base import TargetUnreachable

_PIPE_BYTES = 1 << 20
"""As long as the longest frame of log bytes: a reader that is busy does not stop the writer."""
_LAST_WORDS_BYTES = 4096
_END_S = 1.0
"""How long a command may take to end by itself once its input has ended."""
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITABLE = select.POLLOUT | select.POLLERR


class PipeChannel:
    """A `Channel` to a child that was started with three unbuffered pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._stdin, self._stdout, self._stderr = _pipes(process)
        for pipe in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
        for pipe in (self._stdin, self._stdout):
            _enlarge(pipe.fileno())
        self._last_words = b""
        self._closed = threading.Event()
        self._reading, self._writing = threading.Lock(), threading.Lock()

    def read_exact(self, n: int, *, timeout_s: float) -> bytes:
        """As promised by `Channel`; the bytes go straight into one buffer of their length."""
        buffer = bytearray(n)
        deadline = time.monotonic() + timeout_s
        with self._reading, memoryview(buffer) as view:
            done = 0
            while done < n:
                self._check_open()
                try:
                    got = os.readv(self._stdout.fileno(), [view[done:]])
                except BlockingIOError:
                    if not self._await(self._stdout, _READABLE, deadline):
                        raise self._too_slow() from None
                    continue
                if not got:
                    raise self._broken("ended the connection")
                done += got
        return bytes(buffer)

    def readable(self, *, timeout_s: float) -> bool:
        """As promised by `Channel`."""
        with self._reading:
            self._check_open()
            return self._await(self._stdout, _READABLE, time.monotonic() + timeout_s)

    def write(self, data: bytes | memoryview, *, timeout_s: float) -> None:
        """As promised by `Channel`."""
        deadline = time.monotonic() + timeout_s
        with self._writing, memoryview(data) as view:
            done = 0
            while done < len(view):
                self._check_open()
                try:
                    done += os.write(self._stdin.fileno(), view[done:])
                except BlockingIOError:
                    if not self._await(self._stdin, _WRITABLE, deadline):
                        raise self._too_slow() from None
                except OSError as error:
                    raise self._broken("ended the connection") from error

    def wait(self, *, timeout_s: float) -> int | None:
        """As promised by `Channel`."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """As promised by `Channel`: input first, so that a command in order ends by itself."""
        self._closed.set()
        if self._writing.acquire(blocking=False):
            with contextlib.suppress(OSError):
                self._stdin.close()
            self._writing.release()
        if self.wait(timeout_s=_END_S) is None:
            self._process.kill()
            self.wait(timeout_s=_END_S)
        # The death of the command has woken whoever still read or wrote.
        for lock, pipes in (
            (self._writing, (self._stdin,)),
            (self._reading, (self._stdout, self._stderr)),
        ):
            if lock.acquire(timeout=_END_S):
                for pipe in pipes:
                    with contextlib.suppress(OSError):
                        pipe.close()
                lock.release()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise TargetUnreachable("The connection to the target was closed.")

    def _await(self, pipe: IO[bytes], event: int, deadline: float) -> bool:
        """Whether the pipe got ready in time; the command's last words are kept meanwhile."""
        poll = select.poll()
        poll.register(pipe.fileno(), event)
        with contextlib.suppress(ValueError):
            poll.register(self._stderr.fileno(), _READABLE)
        while True:
            left = deadline - time.monotonic()
            ready = [fd for fd, _ in poll.poll(max(0.0, left * 1000))]
            if pipe.fileno() in ready:
                return True
            if ready and not self._listen():
                poll.unregister(self._stderr.fileno())
            if left <= 0:
                return False

    def _listen(self) -> bool:
        """Take what stands on standard error: whether more may come."""
        try:
            said = os.read(self._stderr.fileno(), _LAST_WORDS_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._last_words = (self._last_words + said)[-_LAST_WORDS_BYTES:]
        return bool(said)

    def _too_slow(self) -> TargetUnreachable:
        return TargetUnreachable(f"The target did not answer in time.{self._quote()}")

    def _broken(self, what: str) -> TargetUnreachable:
        status = self.wait(timeout_s=_END_S)
        while self._listen_on():
            pass
        ending = "" if status is None else f" (exit status {status})"
        return TargetUnreachable(f"The target {what}{ending}.{self._quote()}")

    def _listen_on(self) -> bool:
        before = self._last_words
        return self._listen() and self._last_words != before

    def _quote(self) -> str:
        lines = self._last_words.decode("utf-8", errors="replace").strip().splitlines()
        return f" It said: {lines[-1].strip()}" if lines else ""


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ValueError("a channel needs a process with three pipes")
    return process.stdin, process.stdout, process.stderr


def _enlarge(fd: int) -> None:
    """Where the system can, give the pipe room for a whole frame."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # over the user's limit: slower, still right
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
