"""Requeuing a failed job from the queue's own pages launches nothing twice."""

from __future__ import annotations

import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue

from studio.lib.embedded import embedded_socket
from tests.studio_process import Studio
from tests.waiting import eventually

pytestmark = pytest.mark.chaos

BROKEN = """
CREATE TRIGGER broken BEFORE UPDATE OF status ON runs_run WHEN NEW.status = 'running'
BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END
"""


def test_a_job_that_failed_after_the_launch_is_requeued(studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "once"
    folder.mkdir()
    starts = tmp_path / "starts.txt"
    (folder / "once.py").write_text(
        f"with open({str(starts)!r}, 'a') as file:\n    file.write('started\\n')\n"
        "print('only once')\n"
    )
    with sqlite3.connect(studio.data_dir / "db.sqlite3", timeout=20) as database:
        database.execute(BROKEN)
    run = studio.submit(folder, "--environment", "here", "once.py")
    with Redis.from_url(f"unix://{embedded_socket(studio.data_dir)}") as redis:
        queue = Queue("default", connection=redis)
        failed = queue.failed_job_registry
        eventually(failed.get_job_ids, timeout_s=30, what="the dispatch to fail")
        eventually(starts.exists, timeout_s=30, what="the command to have been launched")
        assert studio.run(run)["status"] == "starting"
        with sqlite3.connect(studio.data_dir / "db.sqlite3", timeout=20) as database:
            database.execute("DROP TRIGGER broken")
        jobs = failed.get_job_ids()
        assert "the disk is on fire" in str(queue.fetch_job(jobs[0]).latest_result().exc_string)  # type: ignore[union-attr]
        for _ in range(2):  # each of them, and then all that are there once more
            for job in failed.get_job_ids():
                press(studio, f"queues/0/{job}/requeue/")
            press(studio, "queues/0/requeue-all/")
        ended = studio.finished(run)
        eventually(lambda: not failed.get_job_ids(), what="the requeued jobs to be done")
    assert (ended["status"], ended["exit_code"]) == ("completed", 0)
    assert studio.log(run) == b"only once\n"
    assert starts.read_text() == "started\n"
    moves = [e["new_status"] for e in studio.api(f"/runs/{run}/events") if e["kind"] == "moved"]
    # it may have ended before anybody could write down that it runs
    assert [move for move in moves if move != "running"] == [
        "preparing", "starting", "finalizing", "completed",
    ]  # fmt: skip
    assert moves.count("running") <= 1


def press(studio: Studio, path: str) -> None:
    """Press the button of one of django-rq's pages as the owner."""
    browser = studio._sign_in()
    address = f"{studio.record.url}admin/django_rq/dashboard/{path}"
    with browser.open(address, timeout=30) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    assert token, address
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1]}).encode()
    request = urllib.request.Request(address, data=form, headers={"Referer": address})
    with browser.open(request, timeout=30) as answer:
        assert answer.status == 200
