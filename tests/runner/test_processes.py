"""The process table, also where there is no /proc."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from compute.runner import runner
from tests.waiting import eventually


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("is_linux", [True, False])
def test_a_process_is_known_by_number_and_start(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, is_linux: bool
) -> None:
    monkeypatch.setattr(runner, "LINUX", is_linux)
    # a kernel may count the memory of who was just started a moment later
    eventually(lambda: runner.process_table()[child.pid].rss_bytes > 1 << 10, what="its memory")
    row = runner.process_table()[child.pid]
    alone = runner.read_process(child.pid)
    assert alone is not None
    assert alone.id == row.id
    assert (row.ppid, row.pgid, row.gone) == (os.getpid(), child.pid, False)
    me = runner.identity(child.pid)
    assert runner.lives(me)
    assert not runner.lives({**me, "start_time": "another"})
    child.kill()
    eventually(lambda: not runner.lives(me), what="its end, though nobody has asked for its status")
    child.wait()
    assert runner.read_process(child.pid) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("0:01.50", 1.5), ("01:02:03", 3723), ("2-00:00:01", 172801)]
)
def test_cpu_times_of_ps(text: str, seconds: float) -> None:
    assert runner._ps_seconds(text) == seconds


@pytest.mark.parametrize("which", ["then", "now"])
def test_a_boot_id_that_cannot_be_read_proves_no_reboot(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = runner.identity(os.getpid())
    assert runner.place_of({**who, "boot_id": "another"}) == "rebooted"
    if which == "then":
        who["boot_id"] = ""
    else:
        monkeypatch.setattr(runner, "boot_id", str)
    assert runner.place_of(who) == "here"
    assert runner.lives(who)
