"""Staying with a run: what is shown where, and what a broken connection changes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from studio.client.errors import Refused
from studio.client.follow import Watcher, exit_code, stay
from studio.client.http import Connection
from studio.client.screen import Terminal
from tests.client.server import ScriptedServer, Talk, answering, json_answer, serve

RUN = {
    "id": 7,
    "name": "train",
    "status": "running",
    "waiting": "",
    "exit_code": None,
    "reason_sentence": "",
    "error": "",
}


def item(kind: str, data: bytes = b"", **fields: Any) -> bytes:
    return json.dumps({"t": kind, **fields}).encode() + b"\n" + data


def run_item(kind: str = "run", **fields: Any) -> bytes:
    return item(kind, **{**RUN, **fields})


def log_item(offset: int, data: bytes) -> bytes:
    return item("log", data, offset=offset, bytes=len(data))


END = run_item("end", status="completed", exit_code=0)


def streaming(*pieces: bytes, breaks: bool = False) -> Callable[[ScriptedServer], Talk]:
    """A follow stream in these chunks; one that breaks ends without the last chunk."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return answering(head + body + (b"" if breaks else b"0\r\n\r\n"))


def followed(*talks: Callable[[ScriptedServer], Talk], **options: Any) -> tuple[Any, list[str]]:
    """What `stay` answers, and the addresses it asked for."""
    with serve(*talks) as server:
        studio = Connection(server.url)
        try:
            ended = stay(studio, 7, **options)
        finally:
            studio.close()
        return ended, [request.split()[1].decode() for request in server.requests]


def test_the_log_goes_to_stdout_as_it_is_and_the_rest_to_stderr(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    ended, _ = followed(
        streaming(
            run_item(status="queued", waiting="2 runs ahead on gpu."),
            run_item(status="queued", waiting="2 runs ahead on gpu."),
            run_item(status="preparing", waiting="The environment e is being built (build 3)."),
            item("build", b"collecting\n", build=3, offset=0, bytes=11),
            run_item(status="preparing", waiting="The environment e is being built (build 3)."),
            item("ping"),
            run_item(),
            log_item(0, b"bytes \xff\x00\r\n{")[:-3],
            b"\r\n{",
            run_item(waiting="Its container is paused on the engine."),
            END,
        )
    )
    said = capfdbinary.readouterr()
    assert said.out == b"bytes \xff\x00\r\n{"
    assert said.err.decode().splitlines() == [
        "run 7 is queued: 2 runs ahead on gpu.",
        "run 7 is preparing: The environment e is being built (build 3).",
        "collecting",
        "run 7 is running: Its container is paused on the engine.",
    ]
    assert ended["status"] == "completed"


def test_a_broken_connection_goes_on_where_it_was(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    build = item("build", b"step 1\n", build=3, offset=0, bytes=7)
    cut = log_item(0, b"0123456789")[:-4]
    ended, asked = followed(
        streaming(run_item(), build, cut, breaks=True),
        streaming(breaks=True),
        answering(json_answer('{"detail": "No database.", "code": "database"}', "503 X")),
        streaming(run_item(), log_item(6, b"6789"), END),
    )
    said = capfdbinary.readouterr()
    assert said.out == b"0123456789"
    assert said.err.count(b"trying again") == said.err.count(b"Connected again.") == 1
    assert ended["exit_code"] == 0
    assert asked[0] == "/api/v1/runs/7/follow?stream=run.log&offset=0"
    assert asked[1:] == ["/api/v1/runs/7/follow?stream=run.log&offset=6&build=3&build_offset=7"] * 3


def test_a_run_that_is_gone_ends_the_wait() -> None:
    gone = json_answer('{"detail": "There is no run \'7\'.", "code": "not_found"}', "404 X")
    with pytest.raises(Refused, match="There is no run '7'"):
        followed(streaming(run_item(), breaks=True), answering(gone))


def test_a_failed_run_is_named_with_its_reason(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    followed(
        streaming(
            run_item(
                "end",
                status="failed",
                exit_code=1,
                reason_sentence="It ended with 1.",
                error="ValueError: no",
            )
        )
    )
    said = capfdbinary.readouterr().err
    assert said == b"run 7 failed: It ended with 1.\n  ValueError: no\n"


def test_who_waits_for_json_hears_nothing_else(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    queued = run_item(status="queued", waiting="Next.")
    followed(streaming(queued, log_item(0, b"x"), END), quiet=True)
    said = capfdbinary.readouterr()
    assert (said.out, said.err) == (b"", b"")


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        ("completed", 0, 0),
        ("failed", 3, 3),
        ("failed", 137, 137),
        ("canceled", 143, 143),
        ("canceled", None, 1),
        ("failed", None, 1),
        ("failed", 0, 1),
    ],
)
def test_the_exit_code_is_the_runs_and_never_0_without_success(
    status: str, code: int | None, ours: int
) -> None:
    assert exit_code({"status": status, "exit_code": code}) == ours


def test_bytes_are_shown_before_their_item_is_complete() -> None:
    """A piece of a long line appears when it arrives, not when the rest does."""
    seen: list[bytes] = []
    near, far = socket.socketpair()

    def talk(server: ScriptedServer) -> Talk:
        def say(link: socket.socket) -> None:
            server.read_request(link)
            whole = log_item(0, b"first second")
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            link.sendall(head + b"%x\r\n%s" % (len(whole), whole[:-7]))
            far.recv(1)
            link.sendall(whole[-7:] + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(END), END))

        return say

    class Shown(Terminal):
        def log(self, data: bytes) -> None:
            if not seen:
                near.send(b"x")
            seen.append(data)

    with near, far, serve(talk) as server:
        studio = Connection(server.url)
        Watcher(studio, 7, Shown()).watch()
        studio.close()
    assert seen[0] == b"first"
    assert b"".join(seen) == b"first second"


def test_ctrl_c_leaves_the_run_alone_and_says_how_to_come_back() -> None:
    def talk(server: ScriptedServer) -> Talk:
        def say(link: socket.socket) -> None:
            server.read_request(link)
            link.sendall(json_answer(json.dumps(RUN)))
            server.read_request(link)
            piece = run_item() + log_item(0, b"begun\n")
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            link.sendall(head + b"%x\r\n%s\r\n" % (len(piece), piece))
            server.read_request(link)  # until the client hangs up

        return say

    with serve(talk) as server:
        command = [sys.executable, "-m", "studio.client.command", "logs", "last", "--follow"]
        process = subprocess.Popen(
            command,
            env={"RUNYARD_URL": server.url, "RUNYARD_TOKEN": "t"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 130
        assert b"Left run 7, which goes on" in errors
        assert b"`runyard logs 7 --follow`" in errors
        assert b"`runyard cancel 7`" in errors
        assert b"Traceback" not in errors
        assert len(server.requests) == 2
