"""Many runs, several workers, few slots, little disk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio_process import Studio
from tests.waiting import eventually

pytestmark = [pytest.mark.chaos]


@pytest.fixture
def studio(shared_studio: Studio) -> Studio:
    """No test here harms it for longer than it lasts."""
    return shared_studio


def test_a_crowd_through_two_workers_is_launched_once_each(studio: Studio, scripts: Path) -> None:
    run_crowd(studio, scripts, size=40)


def run_crowd(studio: Studio, scripts: Path, *, size: int) -> None:
    """Queue many short runs at once: each is launched once and makes each move once."""
    (scripts / "mark.sh").write_text('echo x >> "$1"\n')
    marks = scripts.parent / "marks"
    marks.mkdir()
    first = studio.submit(scripts, "--environment", "here", "mark.sh", str(marks / "first"))
    digest = studio.finished(first)["snapshot"]
    runs = [
        studio.api(
            "/runs",
            {
                "source": {"snapshot": digest},
                "script": "mark.sh",
                "arguments": [str(marks / str(number))],
                "environment": "here",
            },
        )["id"]
        for number in range(size)
    ]
    eventually(
        lambda: studio.api("/runs?filter=status:live")["total"] == 0,
        timeout_s=90,
        what="all to end",
    )
    assert {studio.run(run)["status"] for run in runs} == {"completed"}
    assert [path.read_text() for path in sorted(marks.iterdir())] == ["x\n"] * (size + 1)
    for run in runs:
        moves = [e["new_status"] for e in studio.api(f"/runs/{run}/events") if e["new_status"]]
        assert len(moves) == len(set(moves)), moves


def test_fifty_runs_that_want_one_environment_have_it_built_once(
    studio: Studio, scripts: Path
) -> None:
    (scripts / "six_is_there.py").write_text("import six; print(six.__version__)\n")
    config = {"root": str(scripts.parent / "wide")}
    studio.api("/targets", {"name": "wide", "kind": "local", "slots": 50, "config": config})
    studio.api("/targets/wide/pause", {})
    studio.api("/environments", {"name": "six", "requirements": "six==1.17.0\n"})
    asked = ("--target", "wide", "--environment", "six", "six_is_there.py")
    runs = [studio.submit(scripts, *asked)]
    body = {"source": {"snapshot": studio.run(runs[0])["snapshot"]}, "script": "six_is_there.py",
            "environment": "six", "target": "wide"}  # fmt: skip
    runs += [studio.api("/runs", body)["id"] for _ in range(49)]
    studio.api("/targets/wide/resume", {})
    eventually(
        lambda: studio.api("/runs?filter=status:live")["total"] == 0,
        timeout_s=90,
        what="all to end",
    )
    assert {studio.run(run)["status"] for run in runs} == {"completed"}
    [build] = studio.api("/builds?environment=six")
    assert build["status"] == "ready"
    assert {studio.log(run) for run in runs} == {b"1.17.0\n"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root: run the tests as root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_run_that_fills_its_targets_disk_ends_with_the_truth(
    small_disk: Path, studio: Studio, scripts: Path
) -> None:
    (scripts / "fill.py").write_text(
        "import sys\n"
        'line = "x" * 999 + "\\n"\n'
        "for i in range(20_000):\n"
        "    sys.stdout.write(line)\n"
    )
    studio.api("/targets", {"name": "small", "kind": "local", "config": {"root": str(small_disk)}})
    run = studio.submit(scripts, "--environment", "here", "--target", "small", "fill.py")
    ended = studio.finished(run)
    assert (ended["status"], ended["end_reason"]) == ("failed", "exited_nonzero"), ended
    receipt = ended["receipt"]
    assert receipt["complete"], receipt
    assert len(studio.log(run)) == receipt["log_bytes"] > 1_000_000
    more = studio.submit(scripts, "--environment", "here", "count.py", "1", "0")
    assert studio.finished(more)["status"] == "completed"
