"""The keeper in the foreground: the first process of a container, or a batch step."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.runner.rig import HEAD, Header, Target
from tests.waiting import eventually


def keep(target: Target, *before: str, frame: Header | None = None) -> subprocess.Popen[bytes]:
    argv = [*before, *target.argv("keep", str(target.folder("t-1")))]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    if frame is not None:
        head = json.dumps(frame).encode()
        process.stdin.write(HEAD.pack(len(head), 0) + head)
    process.stdin.close()
    return process


def prepare(target: Target, *argv: str, **fields: object) -> None:
    session = target.session()
    assert session.ask("prepare", name="t-1", spec=target.spec(*argv, **fields)) == {"ok": True}
    session.hang_up()


def ended(process: subprocess.Popen[bytes]) -> int:
    code = process.wait(timeout=20)
    assert process.stderr
    process.stderr.close()
    return code


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 9", 9), ("kill -9 $$", 137)])
def test_its_exit_code_is_that_of_the_command(target: Target, script: str, code: int) -> None:
    prepare(target, "sh", "-c", script)
    assert ended(keep(target)) == code
    assert target.read("t-1", "exited.json")["reason"] is None
    assert target.read("t-1", "sealed.json")["log_bytes"] == 0


def test_secrets_arrive_on_stdin_alone(target: Target) -> None:
    prepare(target, "sh", "-c", "echo got $TOKEN", stdin=True)
    frame = {"secrets": {"TOKEN": "hunter2-hunter2"}, "mask": ["hunter2-hunter2"]}
    assert ended(keep(target, frame=frame)) == 0
    assert (target.folder("t-1") / "run.log").read_bytes() == b"got hunter2-hunter2\n"
    assert target.read("t-1", "sealed.json")["masked"] == 1
    others = [
        path for path in target.folder("t-1").iterdir() if path.is_file() and path.name != "run.log"
    ]
    assert not [path for path in others if b"hunter2" in path.read_bytes()]


def test_without_the_promised_secrets_nothing_starts(target: Target) -> None:
    prepare(target, "echo", "started", stdin=True)
    assert ended(keep(target)) == 127
    exited = target.read("t-1", "exited.json")
    assert exited["reason"] == "exec_failed"
    assert "did not arrive on stdin" in exited["error"]
    assert b"started" not in (target.folder("t-1") / "run.log").read_bytes()


def test_the_second_keeper_exits_silently(target: Target) -> None:
    prepare(target, "echo", "once")
    assert [ended(keep(target)), ended(keep(target))] == [0, 0]
    assert (target.folder("t-1") / "run.log").read_bytes() == b"once\n"


def test_nothing_prepared_is_said(target: Target) -> None:
    process = keep(target)
    assert process.stderr
    assert b"prepare the task first" in process.stderr.read()
    assert ended(process) == 2


def test_a_claimed_task_cannot_be_prepared_again(target: Target) -> None:
    target.start("true")
    session = target.session()
    assert session.ask("prepare", name="t-1", spec=target.spec("true"))["code"] == "claimed"


def test_term_is_passed_on_to_the_command(target: Target) -> None:
    prepare(target, "sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done")
    process = keep(target)
    log = target.folder("t-1") / "run.log"
    eventually(lambda: log.exists() and log.read_bytes() == b"up\n", what="up")
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 5
    assert target.read("t-1", "exited.json")["reason"] == "host_shutdown"


@pytest.mark.chaos
def test_as_the_first_process_of_a_container(target: Target) -> None:
    """In a pid namespace of its own: outside its pids mean nothing, files and beat tell all."""
    target.sabotage("BEAT_S = 2.0", "BEAT_S = 0.2")
    loop = "while :; do sleep 0.1; done"
    script = f"trap '' TERM; (setsid sh -c \"trap '' TERM; {loop}\" &); echo up $$; {loop}"
    prepare(target, "sh", "-c", script)
    patched = target.root / "runner.py"
    patched.write_bytes(target.source)
    argv = [
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
    ]
    argv += [sys.executable, "-I", "-S", str(patched), "keep", str(target.folder("t-1"))]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        watch = target.watch()
        watch.follow("t-1")
        watch.until("started")
        assert target.read("t-1", "keeper.json")["pid"] == 1
        beat = watch.until("beat")
        assert [beat[who] for who in ("keeper", "sampler", "command")] == ["alive"] * 3
        session = target.session()
        looked = session.ask("look", names=["t-1"])["payload"]["t-1"]
        assert looked["keeper"] == "unknown"
        asked = session.ask("stop", name="t-1", reason="canceled_by_user", grace_s=0.1)
        assert asked == {"ok": True, "state": "stopping"}
        end = watch.until("ended")
        assert end["exited"]["reason"] == "canceled_by_user"
        assert end["exited"]["status"] == {"signaled": 9}
        assert end["sealed"]["log_bytes"] == end["streams"]["run.log"] > 0
        assert process.wait(timeout=10) == 137
    finally:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()
