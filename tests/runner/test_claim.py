from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compute.runner import runner
from tests.runner.rig import Header, Target
from tests.waiting import eventually


def test_a_task_starts_exactly_once_however_many_sessions_race(target: Target) -> None:
    sessions = [target.session() for _ in range(4)]
    for session in sessions:
        session.ask("ping")
    barrier = threading.Barrier(len(sessions))

    def race(number: int, name: str) -> Header:
        spec = target.spec("sh", "-c", "echo once")
        barrier.wait()
        return sessions[number].ask("start", name=name, spec=spec, secrets={}, mask=[])

    with ThreadPoolExecutor(len(sessions)) as pool:
        for turn in range(8):
            name = f"t-{turn}"
            answers = list(pool.map(race, range(len(sessions)), [name] * len(sessions)))
            assert sum("started" in answer for answer in answers) == 1, answers
            assert sum("claimed" in answer for answer in answers) == len(sessions) - 1, answers
            target.wait_for(name, "sealed.json")
            assert (target.folder(name) / "run.log").read_bytes() == b"once\n"


def test_the_losers_leave_nothing_behind(target: Target) -> None:
    assert "started" in target.start("true")
    target.wait_for("t-1", "sealed.json")
    target.wait_gone("t-1")
    before = {path.name for path in target.folder("t-1").iterdir()}
    assert target.start("echo", "again") == {"claimed": True}
    assert {path.name for path in target.folder("t-1").iterdir()} == before
    assert "ballast" not in before


def test_a_task_outlives_the_session_that_started_it(target: Target) -> None:
    session = target.session()
    spec = target.spec("sh", "-c", "read line < gate; echo $line")
    gate = target.gate()
    assert "started" in session.ask("start", name="t-1", spec=spec, secrets={}, mask=[])
    session.kill()
    gate.open("still here")
    assert target.wait_for("t-1", "exited.json")["status"] == {"exited": 0}
    assert (target.folder("t-1") / "run.log").read_bytes() == b"still here\n"


def test_a_keeper_that_dies_right_after_its_claim_has_started_nothing(target: Target) -> None:
    target.sabotage(
        "            os.rename(ballast, path)\n",
        "            os.kill(os.getpid(), 9)\n",
    )
    answer = target.start("touch", "/tmp/never")
    assert answer["code"] == "internal"
    watch = target.watch()
    watch.follow("t-1")
    ended = watch.until("ended")
    assert ended["exited"] is None
    assert ended["rebooted"] is False
    assert target.start("true") == {"claimed": True}


def test_a_keeper_that_dies_before_it_lets_go_has_started_nothing(target: Target) -> None:
    target.sabotage(
        '        write_json(self._task.path("started.json"), started)\n',
        "        os.kill(os.getpid(), 9)\n",
    )
    target.start("sh", "-c", "echo it ran")
    exited = target.wait_for("t-1", "exited.json")
    assert (exited["status"], exited["reason"]) == (None, "keeper_lost")
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == 0
    eventually(lambda: not target._pids(), what="nothing alive")
    assert (target.folder("t-1") / "run.log").read_bytes() == b""


def test_one_claim_wins_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: str, target: str) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr("os.link", link)
    task = runner.Task(str(tmp_path))
    assert [task.claim({"pid": 1}), task.claim({"pid": 2})] == [True, False]
    assert task.read("claim") == {"pid": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["claim"]


def test_a_claim_counts_whose_answer_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system may make the link, lose its answer, and then find the name taken."""
    real_link = os.link

    def link(source: str, target: str) -> None:
        real_link(source, target)
        raise FileExistsError(17, "File exists")

    monkeypatch.setattr("os.link", link)
    assert runner.Task(str(tmp_path)).claim({"pid": 1})
    monkeypatch.setattr("os.link", real_link)
    assert not runner.Task(str(tmp_path)).claim({"pid": 2})
