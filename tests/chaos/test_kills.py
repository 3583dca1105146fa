"""Killing parts of the studio while runs are live: every run ends with the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from studio.lib.embedded import embedded_socket
from tests.studio_process import Studio
from tests.waiting import eventually

pytestmark = [pytest.mark.chaos]

LINES, PAUSE = 80, 0.05
EXPECTED = "".join(f"line {i}\n" for i in range(LINES)).encode()


@pytest.fixture
def studio(shared_studio: Studio) -> Studio:
    """What is killed comes back."""
    return shared_studio


def start_three(studio: Studio, scripts: Path) -> list[int]:
    """Three runs that count, all of them already talking."""
    runs = [
        studio.submit(scripts, "--environment", "here", "count.py", str(LINES), str(PAUSE))
        for _ in range(3)
    ]
    for run in runs:
        eventually(lambda run=run: studio.log(run), timeout_s=30, what=f"run {run} to print")
    return runs


def assert_all_true(studio: Studio, runs: list[int]) -> None:
    """Each completed, and its log is there to the last byte, as the receipt says."""
    for run in runs:
        ended = studio.finished(run)
        assert (ended["status"], ended["exit_code"]) == ("completed", 0), ended
        assert studio.log(run) == EXPECTED
        receipt = ended["receipt"]
        assert receipt["complete"], receipt
        assert receipt["log_bytes"] == receipt["stored_bytes"] == len(EXPECTED)
        assert receipt["sha256_target"] == receipt["sha256_stored"]


@pytest.mark.parametrize("part", ["web", "monitor", "redis", "worker-1"])
def test_a_killed_part_costs_nothing(studio: Studio, scripts: Path, part: str) -> None:
    runs = start_three(studio, scripts)
    studio.kill_part(part)
    eventually(lambda: studio_answers(studio), timeout_s=30, what="the page to answer again")
    assert_all_true(studio, runs)


def test_everything_killed_at_once_costs_nothing(studio: Studio, scripts: Path) -> None:
    runs = start_three(studio, scripts)
    studio.kill()
    studio.start()
    assert_all_true(studio, runs)


def test_what_ended_while_the_studio_was_down_is_found(studio: Studio, scripts: Path) -> None:
    runs = start_three(studio, scripts)
    folder = studio.data_dir / "targets" / "local" / "tasks"
    studio.kill()
    eventually(
        lambda: all(list(folder.glob(f"*-run-{run}-1/sealed.json")) for run in runs),
        timeout_s=30,
        what="the runs to end by themselves",
    )
    studio.start()
    assert_all_true(studio, runs)


def test_flushall_loses_nothing(studio: Studio, scripts: Path) -> None:
    runs = start_three(studio, scripts)
    more = [
        studio.submit(scripts, "--environment", "here", "count.py", str(LINES), "0")
        for _ in range(4)
    ]
    with Redis.from_url(f"unix://{embedded_socket(studio.data_dir)}") as redis:
        redis.flushall()
    assert_all_true(studio, runs + more)


def studio_answers(studio: Studio) -> bool:
    """Whether REST answers."""
    try:
        return bool(studio.api("/me"))
    except OSError:
        return False
