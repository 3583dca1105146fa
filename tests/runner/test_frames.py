from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compute.runner import runner
from tests.runner.rig import HEAD, Target
from tests.waiting import eventually


def test_hello_tells_what_the_target_is(target: Target) -> None:
    facts = target.session().ask("hello")
    assert facts["protocol"] == 1
    assert facts["root"] == str(target.root)
    assert facts["cores"] >= 1
    assert facts["disk_free_bytes"] > 0
    assert facts["memory_bytes"] > 1 << 20
    assert Path(facts["python"]).resolve() == Path(facts["python"])
    assert facts["boot_id"]


def test_hello_lists_the_pythons_that_lie_there(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    home = tmp_path / "pyenv" / "versions" / "3.9.1" / "bin"
    home.mkdir(parents=True)
    shim = tmp_path / "bin" / "python3.8"
    shim.write_text("#!/bin/sh\n")
    shim.chmod(0o755)
    (tmp_path / "bin" / "python3.12").symlink_to(sys.executable)
    (home / "python3.9").write_bytes(b"\x7fELF")
    (home / "python3.9").chmod(0o755)
    (home / "python3.9-config").symlink_to("python3.9")
    (home / "python3.7").write_bytes(b"\x7fELF")  # which nobody may execute
    tool = tmp_path / "bin" / "micromamba"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    variables = {
        "PATH": str(tmp_path / "bin"),
        "PYENV_ROOT": str(tmp_path / "pyenv"),
        "HOME": str(tmp_path),
    }
    facts = json.loads(
        subprocess.check_output(
            [sys.executable, "-c", _FACTS, str(Path(runner.__file__).parent)], env=variables
        )
    )
    found = {row["version"]: row["path"] for row in facts["pythons"]}
    assert found.items() >= {"3.12": os.path.realpath(sys.executable),
                             "3.9": str(home / "python3.9")}.items()  # fmt: skip
    assert "3.7" not in found
    assert found.get("3.8") != str(shim)
    assert facts["conda"] == str(tool)


_FACTS = (
    "import json, sys; sys.path.insert(0, sys.argv[1]); import runner; "
    "print(json.dumps(runner.facts('/')))"
)


def test_a_session_survives_a_request_it_cannot_meet(target: Target) -> None:
    session = target.session()
    answer = session.ask("dance")
    assert answer["code"] == "request"
    assert "'dance'" in answer["error"]
    assert session.ask("look", names=7)["code"] == "request"
    assert session.ask("clear", name="../../etc")["code"] == "name"
    assert session.ask("have", b"not json")["code"] == "request"
    assert session.ask("ping") == {"ok": True}


def test_a_frame_over_the_limits_ends_the_session(target: Target) -> None:
    session = target.session()
    session.write(HEAD.pack(1 << 30, 0))
    assert session.receive()[0]["code"] == "frame"
    assert session.process.wait(timeout=10) == 0


def test_every_channel_ends_with_its_input(target: Target) -> None:
    for channel in (target.session(), target.watch()):
        assert channel.hang_up() == 0


def test_a_silent_studio_is_left(target: Target) -> None:
    target.sabotage("PATIENCE_S = 30.0", "PATIENCE_S = 0.3")
    for channel in (target.session(), target.watch()):
        eventually(lambda channel=channel: channel.process.poll() is not None, what="the end")


def test_pings_keep_a_watch_alive(target: Target) -> None:
    target.sabotage("PATIENCE_S = 30.0", "PATIENCE_S = 0.5")
    watch = target.watch()
    for _ in range(20):
        watch.send({"op": "ping"})
        assert watch.step()["t"] == "pong"
        os.sched_yield()
    assert watch.process.poll() is None


def test_a_long_operation_says_that_it_works(target: Target) -> None:
    target.sabotage("WORKING_S = 5.0", "WORKING_S = 0.0")
    session = target.session()
    session.send({"op": "look", "names": ["a", "b"]})
    assert session.receive()[0] == {"working": True}


def test_payloads_of_any_size_travel_in_pieces(target: Target) -> None:
    session = target.session()
    shas = [f"{number:064x}" for number in range(100_000)]
    payload = json.dumps(shas).encode()
    middle = len(payload) // 2
    session.send({"op": "have", "more": True}, payload[: 3 << 20])
    session.send({"op": "have", "more": True}, payload[3 << 20 : middle])
    session.send({"op": "have"}, payload[middle:])
    header, answer = session.receive()
    assert header == {"more": True}
    while header.get("more"):
        header, piece = session.receive()
        answer += piece
    assert json.loads(answer) == shas


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/no/python", "There is no"),
        ("/bin/sh", "is not a Python"),
        ("/etc", "cannot be executed"),
    ],
)
def test_what_is_no_interpreter_is_said(target: Target, path: str, word: str) -> None:
    answer = target.session().ask("interpreter", path=path)
    assert answer["ok"] is False
    assert word in answer["why"]


def test_an_interpreter_is_known_by_its_real_path_and_version(target: Target) -> None:
    assert target.session().ask("interpreter", path=sys.executable) == {
        "ok": True,
        "why": "",
        "python": os.path.realpath(sys.executable),
        "version": "{}.{}.{}".format(*sys.version_info[:3]),
    }
