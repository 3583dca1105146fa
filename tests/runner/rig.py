"""The studio's end of the runner, as thin as can be: real processes, pipes and frames."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from compute.runner import runner
from compute.transports.loader import LOADER, runner_argv
from tests.waiting import eventually

SOURCE = Path(runner.__file__).read_bytes()
HEAD = struct.Struct(">II")
NONCE = "f00d"

Header = dict[str, Any]


class Channel:
    """One subcommand of the runner, started by the loader over pipes."""

    def __init__(
        self,
        root: Path,
        source: bytes,
        *words: str,
        env: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        sha = hashlib.sha256(source).hexdigest()
        argv = [sys.executable, "-I", "-S", "-c", LOADER, str(root), sha, NONCE, *words]
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=env,
            pass_fds=pass_fds,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.greeting = self._line()
        if self.greeting == f"RUNYARD {NONCE} send\n".encode():
            self.write(len(source).to_bytes(8, "big") + source)

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += self.stdout.read(1) or b"\n"
        return line

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.stdin.fileno(), view) :]

    def send(self, header: Header, payload: bytes = b"") -> None:
        head = json.dumps(header).encode()
        self.write(HEAD.pack(len(head), len(payload)) + head + payload)

    def receive(self, *, timeout_s: float = 20.0) -> tuple[Header, bytes]:
        deadline = time.monotonic() + timeout_s
        header_len, payload_len = HEAD.unpack(self._exactly(HEAD.size, deadline))
        header = json.loads(self._exactly(header_len, deadline))
        return header, self._exactly(payload_len, deadline)

    def _exactly(self, size: int, deadline: float) -> bytes:
        pieces: list[bytes] = []
        while size:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.stdout], [], [], left)[0]:
                raise TimeoutError("the runner says nothing")
            piece = os.read(self.stdout.fileno(), min(size, 1 << 20))
            if not piece:
                raise EOFError("the runner has ended")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def hang_up(self) -> int:
        self.stdin.close()
        code = self.process.wait(timeout=10)
        self.stdout.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()


class Session(Channel):
    def ask(self, op: str, payload: bytes = b"", **fields: Any) -> Header:
        header, content = self.ask_payload(op, payload, **fields)
        return {**header, "payload": json.loads(content)} if content else header

    def ask_payload(self, op: str, payload: bytes = b"", **fields: Any) -> tuple[Header, bytes]:
        self.send({"op": op, **fields}, payload)
        content = b""
        while True:
            header, piece = self.receive()
            if header.get("working"):
                continue
            content += piece
            if not header.get("more"):
                return header, content


class Watch(Channel):
    """Gathers what a watch says: bytes per (task, stream), and every other event."""

    def __init__(self, root: Path, source: bytes) -> None:
        super().__init__(root, source, "watch", str(root))
        self.bytes: dict[tuple[str, str], bytearray] = {}
        self.events: list[Header] = []

    def follow(self, name: str, task: str = "run/1/1", **offsets: int) -> None:
        self.send({"op": "follow", "task": task, "name": name, "offsets": offsets})

    def step(self, *, timeout_s: float = 20.0) -> Header:
        header, payload = self.receive(timeout_s=timeout_s)
        if header["t"] == "bytes":
            header["payload"] = payload
            self.bytes.setdefault((header["task"], header["stream"]), bytearray()).extend(payload)
        self.events.append(header)
        return header

    def until(self, kind: str, *, timeout_s: float = 20.0) -> Header:
        """The next event of a kind."""
        deadline = time.monotonic() + timeout_s
        while True:
            event = self.step(timeout_s=max(0.1, deadline - time.monotonic()))
            if event["t"] == kind:
                return event
            assert event["t"] not in ("ended", "gone"), event

    def until_log(self, data: bytes) -> Header:
        """The event with which the log has become `data`."""
        while True:
            event = self.until("bytes")
            if event["stream"] == "run.log" and self.log() == data:
                return event

    def log(self, stream: str = "run.log", task: str = "run/1/1") -> bytes:
        """All bytes of a stream that have arrived, in the order of arrival."""
        return bytes(self.bytes.get((task, stream), b""))


class Gate:
    """A pipe on which a command waits (`read x < gate`) until it is opened."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
        self._path = path

    def open(self, line: str = "x") -> None:
        fd = eventually(self._connect, what="a command that waits at the gate")[0]
        os.write(fd, line.encode() + b"\n")
        os.close(fd)

    def _connect(self) -> tuple[int, ...]:
        try:
            return (os.open(self._path, os.O_WRONLY | os.O_NONBLOCK),)
        except OSError:
            return ()


class Target:
    """A root on this machine, with all that was ever started under it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = SOURCE
        self.channels: list[Channel] = []

    def sabotage(self, line: str, instead: str) -> None:
        """From now on the runner does something else at one place, such as die there."""
        text = self.source.decode()
        assert text.count(line) == 1, f"{line!r} stands {text.count(line)} times in the runner"
        self.source = text.replace(line, instead).encode()

    def session(
        self, *words: str, env: dict[str, str] | None = None, pass_fds: tuple[int, ...] = ()
    ) -> Session:
        argv = ["session", str(self.root), *words]
        session = Session(self.root, self.source, *argv, env=env, pass_fds=pass_fds)
        self.channels.append(session)
        return session

    def watch(self) -> Watch:
        watch = Watch(self.root, self.source)
        self.channels.append(watch)
        return watch

    def argv(self, *words: str) -> list[str]:
        """How a program is the runner that lies here."""
        sha = hashlib.sha256(self.source).hexdigest()
        return runner_argv(sys.executable, str(self.root / "runner" / sha), *words)

    def folder(self, name: str) -> Path:
        return self.root / "tasks" / name

    def gate(self, name: str = "gate") -> Gate:
        """A gate in the working directory of the task t-1."""
        return Gate(self.folder("t-1") / "code" / name)

    def read(self, name: str, file: str) -> Header:
        found = runner.read_json(str(self.folder(name) / file))
        assert found is not None, f"{file} is missing"
        return found

    def wait_for(self, name: str, file: str, *, timeout_s: float = 20.0) -> Header:
        path = str(self.folder(name) / file)
        return eventually(lambda: runner.read_json(path), timeout_s=timeout_s, what=file)

    def wait_gone(self, name: str) -> None:
        """Until nothing of a task lives any more, keeper and sampler included."""
        task = runner.Task(str(self.folder(name)))
        eventually(lambda: "alive" not in task.states().values(), what="all dead")

    def spec(self, *argv: str, **fields: Any) -> Header:
        return {
            "protocol": 1,
            "task": "run/1/1",
            "argv": list(argv),
            "cwd": "code",
            "env": {},
            "path": [],
            "pythonpath": [],
            "time_limit_s": None,
            "grace_s": 1,
            "outputs": ["outputs/**"],
            "cookie": os.urandom(8).hex(),
            **fields,
        }

    def start(
        self,
        *argv: str,
        name: str = "t-1",
        secrets: dict[str, str] | None = None,
        mask: list[str] | None = None,
        **fields: Any,
    ) -> Header:
        session = self.session()
        request = {"name": name, "secrets": secrets or {}, "mask": mask or []}
        answer = session.ask("start", spec=self.spec(*argv, **fields), **request)
        session.hang_up()
        return answer

    def close(self) -> None:
        for channel in self.channels:
            channel.kill()
        for _ in range(3):  # what is killed may have been about to start something
            for pid in self._pids():
                with_pid(pid, signal.SIGKILL)

    def _pids(self) -> list[int]:
        """Everything that says by its files or its environment that it belongs here."""
        mark = f"RUNYARD_DIR={self.root}/".encode()
        found = []
        for row in runner.process_table().values():
            try:
                environment = Path(f"/proc/{row.pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.startswith(mark) for word in environment):
                found.append(row.pid)
        for folder in (self.root / "tasks").glob("*"):
            keeper = runner.read_json(str(folder / "keeper.json")) or {}
            for who in (keeper, keeper.get("sampler")):
                if who and runner.lives(who):
                    found.append(who["pid"])
        return found


def with_pid(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def put_blob(session: Session, data: bytes) -> str:
    sha = hashlib.sha256(data).hexdigest()
    assert session.ask("receive", data, sha=sha, size=len(data), more=False) == {"ok": True}
    return sha
