"""The studio on PostgreSQL, which may go away for a while."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.conftest import free_port, make_plain_environment
from tests.chaos.test_crowd import run_crowd
from tests.postgres_process import Postgres
from tests.studio_process import Studio
from tests.waiting import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.postgres]

LINES, PAUSE = 80, 0.1


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """The server."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Studio]:
    """A studio whose records lie in it."""
    folder = tmp_path_factory.mktemp("studio")
    studio = Studio(folder / "data", port=free_port(), link_root=folder.parent)
    studio.env["DATABASE_URL"] = postgres.url
    with studio:
        make_plain_environment(studio)
        studio.api("/targets/local", {"slots": 4}, method="PATCH")
        yield studio


def test_a_crowd_is_launched_once_each(studio: Studio, scripts: Path) -> None:
    run_crowd(studio, scripts, size=20)


def test_a_database_that_goes_away_costs_nothing(
    studio: Studio, scripts: Path, postgres: Postgres
) -> None:
    words = ("--environment", "here", "count.py", str(LINES), str(PAUSE))
    runs = [studio.submit(scripts, *words) for _ in range(3)]
    for run in runs:
        eventually(lambda run=run: studio.log(run), timeout_s=30, what=f"run {run} to print")
    cookie = studio.session_cookie()
    postgres.stop()
    try:
        assert said_at(studio, "api/v1/runs") == (503, b"does not answer")
        assert said_at(studio, "runs/", Cookie=cookie) == (503, b"does not answer")
        lost = studio.cli("submit", "--source", str(scripts), *words)
        assert lost.code != 0
        assert b"database does not answer" in lost.stderr
        folders = studio.data_dir / "targets" / "local" / "tasks"
        ended = [next(folders.glob(f"*-run-{run}-1")) / "exited.json" for run in runs]
        eventually(lambda: all(path.exists() for path in ended), timeout_s=60, what="the ends")
    finally:
        postgres.start()
    expected = "".join(f"line {i}\n" for i in range(LINES)).encode()
    for run in runs:
        record = studio.finished(run, timeout_s=60)
        assert (record["status"], record["exit_code"]) == ("completed", 0), record
        assert record["receipt"]["complete"], record["receipt"]
        assert studio.log(run) == expected
    again = studio.submit(scripts, "--environment", "here", "count.py", "1", "0")
    assert studio.finished(again)["status"] == "completed"


def said_at(studio: Studio, path: str, **headers: str) -> tuple[int, bytes]:
    """The status of an address, and the words that every answer without a database has."""
    headers = headers or {"Authorization": f"Bearer {studio.token}"}
    request = urllib.request.Request(studio.record.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        text = error.read()
        words = b"does not answer"
        return error.code, words if words in text else text
