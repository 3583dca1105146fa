"""An end that only the place knows of: recorded on its word, never over a true record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runner.rig import Header, Target
from tests.runner.test_stop import stop

GONE = {"reason": "keeper_lost", "error": "The container is gone."}


def conclude(target: Target) -> Header:
    return target.session().ask("conclude", name="t-1", **GONE)


def make_elsewhere(folder: Path) -> None:
    """Let the keeper of a task be of another process namespace, where nothing can be seen."""
    for name in ("claim", "keeper.json", "started.json"):
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | {"pid_namespace": "pid:[1]"}))


def test_a_task_that_died_elsewhere_gets_its_end(target: Target) -> None:
    target.start("sh", "-c", "echo last words")
    target.wait_for("t-1", "sealed.json")
    folder = target.folder("t-1")
    for name in ("exited.json", "sealed.json"):
        (folder / name).unlink()
    make_elsewhere(folder)
    assert conclude(target) == {"ok": True}
    exited = target.read("t-1", "exited.json")
    assert (exited["status"], exited["reason"], exited["error"]) == (None, *GONE.values())
    assert exited["started_at"] == target.read("t-1", "started.json")["started_at"]
    answer = target.session().ask("seal", name="t-1", mask=[])
    assert answer["sealed"]["log_bytes"] == len("last words\n")


def test_a_true_record_stays(target: Target) -> None:
    target.start("sh", "-c", "exit 3")
    exited = target.wait_for("t-1", "exited.json")
    assert conclude(target) == {"ok": True}
    assert target.read("t-1", "exited.json") == exited


def test_what_lives_here_is_not_concluded(target: Target) -> None:
    target.start("sleep", "600")
    answer = conclude(target)
    assert answer["code"] == "alive"
    assert not (target.folder("t-1") / "exited.json").exists()
    stop(target)


def test_what_was_never_started_or_is_gone_stays_so(target: Target) -> None:
    session = target.session()
    assert session.ask("prepare", name="t-1", spec=target.spec("true")) == {"ok": True}
    assert conclude(target) == {"ok": True}
    assert "started" in target.start("true")
    assert session.ask("conclude", name="t-9", **GONE) == {"ok": True}


@pytest.mark.parametrize(
    ("last_words", "told"),
    [("", tuple(GONE.values())), ("one\nno room\n", ("exec_failed", "no room"))],
)
def test_what_died_before_it_was_claimed_never_starts(
    target: Target, last_words: str, told: tuple[str, str]
) -> None:
    session = target.session()
    session.ask("prepare", name="t-1", spec=target.spec("true"))
    (target.folder("t-1") / "keeper.err").write_text(last_words)
    assert session.ask("conclude", name="t-1", unclaimed=True, **GONE) == {"ok": True}
    exited = target.read("t-1", "exited.json")
    assert (exited["status"], exited["reason"], exited["error"]) == (None, *told)
    assert "started" not in target.start("true")
    assert session.ask("conclude", name="t-9", unclaimed=True, **GONE) == {"ok": True}
    assert not target.folder("t-9").exists()
