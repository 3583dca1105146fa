"""A target whose disk is full: a real, small one."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.rig import Target
from tests.waiting import eventually

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root"),
]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Target]:
    """A target on a disk of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    target = Target(disk / "root")
    try:
        yield target
    finally:
        target.close()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def write_for_ever(fd: int, data: bytes) -> None:
    while True:
        os.write(fd, data)


def fill(target: Target) -> Path:
    """Take the last byte there is."""
    filler = target.root / "filler"
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for size in (4096, 1):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            write_for_ever(fd, b"x" * size)
    os.close(fd)
    return filler


def test_a_command_that_fills_the_disk_ends_with_its_own_status(small: Target) -> None:
    script = (
        "import sys,os\n"
        "try:\n"
        " while True: os.write(1, b'0123456789abcde\\n' * 256)\n"
        "except OSError as error: sys.exit(error.errno)\n"
    )
    assert "started" in small.start(sys.executable, "-c", script)
    exited = small.wait_for("t-1", "exited.json")
    assert exited["status"] == {"exited": errno.ENOSPC}
    assert exited["disk_free_bytes"] < 1 << 16
    sealed = small.wait_for("t-1", "sealed.json")
    log = (small.folder("t-1") / "run.log").read_bytes()
    assert len(log) > 1 << 20
    assert (sealed["log_bytes"], sealed["sha256"]) == (len(log), hashlib.sha256(log).hexdigest())
    watch = small.watch()
    watch.follow("t-1")
    assert watch.until("ended")["exited"] == exited
    assert watch.log() == log


def test_a_full_disk_does_not_keep_anybody_from_stopping(small: Target) -> None:
    small.start("sh", "-c", "while :; do sleep 0.1; done")
    fill(small)
    session = small.session()
    asked = session.ask("stop", name="t-1", reason="canceled_by_user", grace_s=0.1)
    assert asked == {"ok": True, "state": "stopping"}
    exited = small.wait_for("t-1", "exited.json")
    assert exited["reason"] == "canceled_by_user"


def test_the_end_is_recorded_as_soon_as_there_is_room(small: Target) -> None:
    gate = small.gate()
    small.start("sh", "-c", "read x < gate; exit 6")
    filler = fill(small)
    (small.folder("t-1") / "ballast").unlink()  # even what was kept for this is gone
    fill(small)
    gate.open()
    started = small.read("t-1", "started.json")
    eventually(lambda: not Path(f"/proc/{started['pid']}").exists(), what="the command's end")
    assert not (small.folder("t-1") / "exited.json").exists()
    filler.unlink()
    assert small.wait_for("t-1", "exited.json")["status"] == {"exited": 6}
    assert small.wait_for("t-1", "sealed.json")["log_bytes"] == 0
    small.wait_gone("t-1")


def test_a_full_disk_is_said_before_anything_is_claimed(small: Target) -> None:
    session = small.session()
    session.ask("ping")
    small.folder("t-1").mkdir(parents=True)
    filler = fill(small)
    spec = small.spec("echo", "hello")
    answer = session.ask("start", name="t-1", spec=spec)
    assert answer["code"] == "disk"
    assert "disk of the target is full" in answer["error"]
    assert not (small.folder("t-1") / "claim").exists()
    data = os.urandom(8192)
    sha = hashlib.sha256(data).hexdigest()
    assert session.ask("receive", data, sha=sha, size=len(data))["code"] == "disk"
    filler.unlink()
    assert session.ask("receive", data, sha=sha, size=len(data)) == {"ok": True}
    assert "started" in session.ask("start", name="t-1", spec=spec)
    small.wait_for("t-1", "sealed.json")
