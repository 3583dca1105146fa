"""Killing what watches over a run on its target."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.studio_process import TOP, Studio
from tests.waiting import eventually

pytestmark = [pytest.mark.chaos]


@pytest.fixture
def studio(shared_studio: Studio) -> Studio:
    """No test here harms it for longer than it lasts."""
    return shared_studio


def task_folder(studio: Studio, run: int) -> Path:
    """The folder of a run's first attempt."""
    return next((studio.data_dir / "targets" / "local" / "tasks").glob(f"*-run-{run}-1"))


def read(folder: Path, name: str) -> dict[str, Any]:
    """One of its small files, once it is there."""
    return eventually(lambda: _read(folder / name), what=name)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def start(studio: Studio, scripts: Path, *more: str, script: str = "count.py") -> tuple[int, Path]:
    """A run that prints for a long time, already talking."""
    arguments = ["100000", "0.05"] if script == "count.py" else []
    run = studio.submit(scripts, "--environment", "here", *more, script, *arguments)
    eventually(lambda: studio.log(run), timeout_s=30, what="the first line")
    return run, task_folder(studio, run)


def kill(pid: int) -> None:
    """SIGKILL."""
    os.kill(pid, signal.SIGKILL)


def gone(pid: int) -> bool:
    """Whether nobody has this pid, or only a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def kill_watchers(folder: Path, who: str) -> None:
    """Kill the keeper, the sampler, or both."""
    keeper = read(folder, "keeper.json")
    if who in {"keeper", "both"}:
        kill(keeper["pid"])
    if who in {"sampler", "both"}:
        kill(keeper["sampler"]["pid"])


@pytest.mark.parametrize("who", ["sampler", "keeper", "both"])
def test_cancel_ends_the_tree_whoever_was_killed(studio: Studio, scripts: Path, who: str) -> None:
    run, folder = start(studio, scripts)
    command = read(folder, "started.json")["pid"]
    kill_watchers(folder, who)
    studio.api(f"/runs/{run}/cancel", {})
    ended = studio.finished(run, timeout_s=40)
    assert ended["status"] == "canceled", ended
    assert gone(command)
    assert ended["receipt"]["complete"], ended["receipt"]


@pytest.mark.parametrize("who", ["sampler", "keeper", "both"])
def test_the_time_limit_holds_whoever_was_killed(studio: Studio, scripts: Path, who: str) -> None:
    run, folder = start(studio, scripts, "--time-limit", "3s")
    kill_watchers(folder, who)
    ended = studio.finished(run, timeout_s=60)
    assert ended["end_reason"] == "timed_out", ended
    assert gone(read(folder, "started.json")["pid"])


def test_an_end_that_nobody_saw_gets_no_invented_code(studio: Studio, scripts: Path) -> None:
    run, folder = start(studio, scripts)
    kill_watchers(folder, "both")
    kill(read(folder, "started.json")["pid"])
    ended = studio.finished(run, timeout_s=60)
    assert (ended["status"], ended["end_reason"], ended["exit_code"]) == (
        "failed",
        "exit_lost",
        None,
    )


SPOILS = """
import json, os, signal, sys
there = os.environ["RUNYARD_DIR"]
keeper = json.load(open(os.path.join(there, "keeper.json")))
with open(os.path.join(there, sys.argv[1]), "w") as file:
    file.write(sys.argv[2])
for pid in (keeper["sampler"]["pid"], keeper["pid"]):
    os.kill(pid, signal.SIGKILL)
"""


def test_what_a_command_writes_of_its_own_end_costs_nobody_else(
    studio: Studio, scripts: Path
) -> None:
    (scripts / "spoils.py").write_text(SPOILS)
    other, _ = start(studio, scripts)
    words = [("exited.json", '{"status": "x"}'), ("exited.json", '{"reason": ["x"]}')]
    runs = [studio.submit(scripts, "--environment", "here", "spoils.py", *each) for each in words]
    for run in runs:
        ended = studio.finished(run, timeout_s=60)
        assert (ended["status"], ended["end_reason"]) == ("failed", "exit_lost")
        assert ended["receipt"] is not None
    size = len(studio.log(other))
    eventually(lambda: len(studio.log(other)) > size, what="the other to be followed")
    studio.api(f"/runs/{other}/cancel", {})
    assert studio.finished(other)["status"] == "canceled"


def test_a_restarted_host_is_told_from_a_lost_exit(studio: Studio, scripts: Path) -> None:
    run, folder = start(studio, scripts)
    before = studio.log(run)
    keeper, command = read(folder, "keeper.json"), read(folder, "started.json")
    studio.kill()
    kill_watchers(folder, "both")
    kill(command["pid"])
    for name in ("keeper.json", "started.json", "claim"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace(keeper["boot_id"], "0" * len(keeper["boot_id"])))
    studio.start()
    up_at = time.monotonic()
    ended = studio.finished(run, timeout_s=20)
    assert time.monotonic() - up_at < 10
    assert (ended["status"], ended["end_reason"]) == ("failed", "host_restarted"), ended
    assert studio.log(run).startswith(before)


def test_a_stubborn_tree_is_killed(studio: Studio, scripts: Path) -> None:
    run, folder = start(studio, scripts, script="stubborn.py")
    studio.api(f"/runs/{run}/cancel", {})
    ended = studio.finished(run, timeout_s=40)
    assert ended["status"] == "canceled"
    cookie = json.loads((folder / "spec.json").read_text())["cookie"]
    assert not carriers(cookie)


def test_a_grandchild_that_keeps_printing_does_not_outlive_its_run(
    studio: Studio, scripts: Path
) -> None:
    run = studio.submit(scripts, "--environment", "here", "linger.py")
    ended = studio.finished(run)
    assert (ended["status"], ended["exit_code"]) == ("completed", 0)
    assert ended["receipt"]["complete"]
    cookie = json.loads((task_folder(studio, run) / "spec.json").read_text())["cookie"]
    assert not carriers(cookie)


def test_two_monitors_that_both_believe_in_their_lease(studio: Studio, scripts: Path) -> None:
    rival = subprocess.Popen(
        [sys.executable, "-c", RIVAL],
        cwd=TOP,
        start_new_session=True,
        env={**studio.env, "DJANGO_SETTINGS_MODULE": "studio.settings"},
    )
    try:
        run = studio.submit(scripts, "--environment", "here", "count.py", "200", "0.02")
        ended = studio.finished(run)
    finally:
        rival.kill()
        rival.wait()
    assert ended["status"] == "completed"
    assert studio.log(run) == "".join(f"line {i}\n" for i in range(200)).encode()
    assert ended["receipt"]["complete"]
    moves = [e for e in studio.api(f"/runs/{run}/events") if e["kind"] == "moved"]
    assert len(moves) == len({e["new_status"] for e in moves}), moves


RIVAL = """
import django, time
django.setup()
from compute.models import ComputeTarget
from runs.watcher import TargetWatcher
watcher = TargetWatcher(ComputeTarget.objects.get(name="local").pk)
watcher.start()
while True:
    watcher.refresh()
    time.sleep(0.05)
"""


def carriers(cookie: str) -> list[int]:
    """Processes whose environment carries a run's cookie."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and not gone(int(entry.name)):
            try:
                if f"RUNYARD_COOKIE={cookie}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
