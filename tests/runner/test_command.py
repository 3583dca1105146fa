from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.runner.rig import Header, Target
from tests.waiting import eventually


def run(target: Target, *argv: str, name: str = "t-1", **fields: object) -> Header:
    """Run to the receipt; the exit record."""
    assert "started" in target.start(*argv, name=name, **fields)  # type: ignore[arg-type]
    exited = target.wait_for(name, "exited.json")
    target.wait_for(name, "sealed.json")
    return exited


def log(target: Target, name: str = "t-1") -> bytes:
    return (target.folder(name) / "run.log").read_bytes()


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_exit_codes_are_told_as_they_are(target: Target, code: int) -> None:
    exited = run(target, "sh", "-c", f"exit {code}")
    assert exited["status"] == {"exited": code}
    assert exited["reason"] is None
    assert exited["strays_killed"] == 0
    assert exited["ended_at"] >= exited["started_at"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_signals_are_told_as_they_are(target: Target, number: int) -> None:
    assert run(target, "sh", "-c", f"kill -{number:d} $$")["status"] == {"signaled": number}


def test_the_log_holds_exactly_what_was_printed(target: Target) -> None:
    script = (
        "import os; os.write(1, bytes(range(256))); os.write(2, b'err\\r\\n');"
        "print('no newline', end='')"
    )
    run(target, sys.executable, "-c", script)
    assert log(target) == bytes(range(256)) + b"err\r\nno newline"


def test_output_at_full_speed_is_exact_to_the_byte(target: Target) -> None:
    run(target, "sh", "-c", "seq 1 2000000; seq 1 200000 >&2")
    lines = log(target).split()
    assert lines[:2_000_000] == [b"%d" % number for number in range(1, 2_000_001)]
    assert lines[2_000_000:] == [b"%d" % number for number in range(1, 200_001)]
    sealed = target.read("t-1", "sealed.json")
    assert sealed["log_bytes"] == len(log(target)) == sealed["streams"]["run.log"]
    assert sealed["sha256"] == hashlib.sha256(log(target)).hexdigest()


def test_a_silent_command_has_a_receipt_of_nothing(target: Target) -> None:
    run(target, "true")
    sealed = target.read("t-1", "sealed.json")
    assert (sealed["log_bytes"], sealed["masked"]) == (0, 0)
    assert sealed["sha256"] == hashlib.sha256(b"").hexdigest()


def environment_of(target: Target, session_env: dict[str, str], **fields: object) -> dict[str, str]:
    session = target.session(env=session_env)
    spec = target.spec(
        sys.executable, "-c", "import os,json; print(json.dumps(dict(os.environ)))", **fields
    )
    secrets = {"API_TOKEN": "s3cret-value"}
    assert "started" in session.ask("start", name="t-1", spec=spec, secrets=secrets, mask=[])
    target.wait_for("t-1", "exited.json")
    return dict(json.loads(log(target)))


def test_the_environment_is_built_and_not_inherited(target: Target) -> None:
    theirs = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/somebody",
        "LC_ALL": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "1",
        "NVIDIA_DRIVER_CAPABILITIES": "all",
        "https_proxy": "http://proxy:3128",
        "RUNYARD_SECRET_KEY": "the studio's own",
        "DATABASE_URL": "postgres://",
        "PYTHONPATH": "/somewhere",
    }
    env = environment_of(
        target,
        theirs,
        env={"MODE": "fast", "HOME": "/overridden"},
        path=["/venv/bin"],
        pythonpath=["code", "code/src", "/abs"],
    )
    folder = target.folder("t-1")
    assert env["PATH"] == "/venv/bin:/usr/bin:/bin"
    assert env["HOME"] == "/overridden"
    assert env["PYTHONPATH"] == f"{folder}/code:{folder}/code/src:/abs"
    assert env["PYTHONUNBUFFERED"] == "1"
    assert env["API_TOKEN"] == "s3cret-value"
    assert env["RUNYARD_TASK"] == "run/1/1"
    assert env["RUNYARD_DIR"] == str(folder)
    assert env["RUNYARD_METRICS"] == f"{folder}/metrics.jsonl"
    assert env["RUNYARD_OUTPUTS"] == f"{folder}/code/outputs"
    for name in ("LC_ALL", "CUDA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "https_proxy"):
        assert env[name] == theirs[name]
    assert not {"RUNYARD_SECRET_KEY", "DATABASE_URL"} & set(env)


def test_no_file_of_the_task_holds_a_secret(target: Target) -> None:
    secret = "hunter2-hunter2"
    run(target, "sh", "-c", 'test -n "$TOKEN"', secrets={"TOKEN": secret}, mask=[secret])
    target.wait_gone("t-1")  # else its keeper may yet put one file in the place of another
    files = [path for path in target.root.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_the_receipt_is_of_the_masked_log(target: Target) -> None:
    secret = "hunter2-hunter2"
    run(
        target,
        "sh",
        "-c",
        "echo before $TOKEN after $TOKEN",
        secrets={"TOKEN": secret},
        mask=[secret],
    )
    masked = log(target).replace(secret.encode(), b"*" * len(secret))
    sealed = target.read("t-1", "sealed.json")
    assert secret.encode() in log(target)
    assert sealed["masked"] == 2
    assert sealed["sha256"] == hashlib.sha256(masked).hexdigest()


def test_the_command_starts_with_a_clean_slate(target: Target) -> None:
    script = (
        "import os,signal,json;"
        "print(json.dumps({'fds': sorted(os.listdir('/proc/self/fd')),"
        "'stdin': os.read(0, 10).decode(),"
        "'group': os.getpgrp() == os.getsid(0) == os.getpid(),"
        "'blocked': [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])],"
        "'ignored': open('/proc/self/status').read().split('SigIgn:')[1].split()[0]}))"
    )
    read, write = os.pipe()
    try:
        session = target.session(pass_fds=(write,))
        spec = target.spec(sys.executable, "-I", "-c", script)
        assert "started" in session.ask("start", name="t-1", spec=spec)
    finally:
        os.close(write)
    target.wait_for("t-1", "exited.json")
    session.kill()
    assert os.read(read, 1) == b""  # nobody holds on to what the session was given
    os.close(read)
    seen = json.loads(log(target))
    assert seen["fds"] == ["0", "1", "2", "3"]  # the last is the listing itself
    assert seen["stdin"] == ""
    assert seen["group"]
    assert seen["blocked"] == []
    # what Python itself ignores from its start on: SIGPIPE and SIGXFSZ
    # (32 and 33 are the C library's own: nobody can set them, `make` hands them on as it got them)
    reserved = 1 << 32 - 1 | 1 << 33 - 1
    ignored = int(seen["ignored"], 16) & ~reserved
    assert ignored == 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1


def test_a_pipeline_ends_when_its_reader_does(target: Target) -> None:
    run(target, "sh", "-c", "yes | head -n 1; echo done")
    assert log(target) == b"y\ndone\n"


def test_outputs_and_logs_are_there_before_the_start(target: Target) -> None:
    run(target, "sh", "-c", "pwd; ls")
    assert log(target).decode().split() == [str(target.folder("t-1") / "code"), "logs", "outputs"]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["no-such-program"], "no such program is on PATH"),
        (["./absent.sh"], "no such file"),
        (["./plain.sh"], "not executable"),
        (["./headless.sh"], "A script needs a first line"),
        (["./lost.sh"], "the interpreter that its first line names does not exist"),
    ],
)
def test_what_cannot_be_executed_is_said(target: Target, argv: list[str], sentence: str) -> None:
    code = target.folder("t-1") / "code"
    code.mkdir(parents=True)
    (code / "plain.sh").write_text("echo hi")
    for name, text in {"headless.sh": "echo hi", "lost.sh": "#!/no/such/sh\necho hi"}.items():
        (code / name).write_text(text)
        (code / name).chmod(0o755)
    answer = target.start(*argv)
    exited = target.wait_for("t-1", "exited.json")
    assert sentence in answer["failed"]
    assert (exited["status"], exited["reason"]) == (None, "exec_failed")
    assert exited["error"] == answer["failed"]
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == len(log(target))
    assert sentence in log(target).decode()
    target.wait_gone("t-1")


def test_a_missing_working_directory_is_said(target: Target, tmp_path: Path) -> None:
    answer = target.start("true", cwd=str(tmp_path / "nowhere"))
    assert "working directory" in answer["failed"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"argv": []}, "argv"),
        ({"argv": ["a\0b"]}, "argv"),
        ({"argv": ["\ud800"]}, "argv"),
        ({"env": {"A=B": "c"}}, "'A=B'"),
        ({"env": {"A": 1}}, "A must be a text"),
        ({"time_limit_s": "soon"}, "time_limit_s"),
        ({"path": "bin"}, "path"),
    ],
)
def test_a_spec_that_cannot_run_is_refused_before_the_claim(
    target: Target, fields: Header, sentence: str
) -> None:
    session = target.session()
    answer = session.ask("start", name="t-1", spec={**target.spec("true"), **fields})
    assert answer["code"] == "spec"
    assert sentence in answer["error"]
    assert not target.folder("t-1").exists()


def test_arguments_and_variables_in_any_language(target: Target) -> None:
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    session = target.session(env=env)
    spec = target.spec("sh", "-c", 'printf "%s %s" "$0" "$WORT"', "größe", env={"WORT": "жук"})
    assert "started" in session.ask("start", name="t-1", spec=spec)
    target.wait_for("t-1", "exited.json")
    assert log(target).decode() == "größe жук"


def test_files_that_come_with_the_spec_lie_beside_the_code(target: Target) -> None:
    files = {"lib/tool/__init__.py": "WORD = 'жук'\n", "lib/tool/deep/_x.txt": "x"}
    script = "import tool; print(tool.WORD)"
    run(target, sys.executable, "-c", script, files=files, pythonpath=["lib"])
    assert log(target).decode() == "жук\n"
    assert (target.folder("t-1") / "lib/tool/deep/_x.txt").read_text() == "x"
    assert "files" not in target.read("t-1", "spec.json")


@pytest.mark.parametrize("path", ["claim", "../x/y", "/etc/x", "lib/../../x", "code/x", "lib//x"])
def test_files_that_would_lie_elsewhere_are_refused(target: Target, path: str) -> None:
    spec = target.spec("true", files={path: "x"})
    answer = target.session().ask("start", name="t-1", spec=spec)
    assert answer["code"] == "spec"
    assert path in answer["error"]


def test_a_command_killed_for_want_of_memory(target: Target) -> None:
    """In a control group with little memory; a plain SIGKILL there is still a plain one."""
    group = memory_group(limit_bytes=80 << 20)
    session = target.session()
    try:
        (group / "cgroup.procs").write_text(str(session.process.pid))
        greedy = [sys.executable, "-c", "hoard = []\nwhile True: hoard.append(b'x' * 1_000_000)"]
        for name, argv in {"t-1": greedy, "t-2": ["sh", "-c", "kill -9 $$"]}.items():
            assert "started" in session.ask("start", name=name, spec=target.spec(*argv))
            assert target.wait_for(name, "exited.json")["status"] == {"signaled": 9}
            target.wait_for(name, "sealed.json")
            target.wait_gone(name)
        assert target.read("t-1", "exited.json")["reason"] == "out_of_memory"
        assert target.read("t-2", "exited.json")["reason"] is None
    finally:
        session.kill()
        target.close()
        eventually(lambda: not (group / "cgroup.procs").read_text().strip(), what="an empty group")
        group.rmdir()


def memory_group(*, limit_bytes: int) -> Path:
    """A new control group with limited memory below our own, of whichever kind there is."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            parent, limit = Path("/sys/fs/cgroup/memory" + path), "memory.limit_in_bytes"
        elif controllers == "":
            parent, limit = Path("/sys/fs/cgroup" + path), "memory.max"
        else:
            continue
        group = parent / f"runyard-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(limit_bytes))
        except OSError:
            if group.is_dir():
                group.rmdir()
        else:
            return group
    pytest.skip("limiting memory needs the right to make a control group: run as root")
