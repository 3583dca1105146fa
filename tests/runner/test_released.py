"""Task folders that released runners left must be readable for ever: never change these files."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from compute.runner import runner
from tests.runner.rig import Target

RELEASED = Path(__file__).parent / "released"


def bring(target: Target, case: str) -> Path:
    """Lay a stored folder into the target, as one that this machine made before a reboot."""
    folder = target.folder("t-1")
    shutil.copytree(RELEASED / case, folder)
    for name in ("claim", "keeper.json", "started.json"):
        record = runner.read_json(str(folder / name))
        assert record is not None
        runner.write_json(str(folder / name), {**record, "host": runner.host()})
    return folder


@pytest.mark.parametrize("protocol", range(1, runner.PROTOCOL + 1))
def test_a_finished_task_is_read_whole(target: Target, protocol: int) -> None:
    folder = bring(target, f"protocol-{protocol}/finished")
    watch = target.watch()
    watch.follow("t-1")
    ended = watch.until("ended")
    assert ended["exited"]["status"] == {"exited": 3}
    assert ended["streams"] == ended["sealed"]["streams"]
    for name, size in ended["streams"].items():
        stored = (folder / "code" / name) if name.startswith("logs/") else folder / name
        assert watch.log(name) == stored.read_bytes()
        assert len(watch.log(name)) == size
    masked = watch.log().replace(b"loss", b"****")
    assert ended["sealed"]["sha256"] == hashlib.sha256(masked).hexdigest()
    session = target.session()
    [model] = session.ask("collect", name="t-1", patterns=["outputs/**"])["payload"]["files"]
    assert session.ask_payload("fetch", name="t-1", path=model["path"], offset=0)[1] == b"model\n"
    assert session.ask("seal", name="t-1", mask=[])["sealed"] == ended["sealed"]
    assert session.ask("clear", name="t-1") == {"ok": True}


@pytest.mark.parametrize("protocol", range(1, runner.PROTOCOL + 1))
def test_a_task_that_a_reboot_ended_is_told_as_such(target: Target, protocol: int) -> None:
    bring(target, f"protocol-{protocol}/lost")
    watch = target.watch()
    watch.follow("t-1")
    ended = watch.until("ended")
    assert (ended["exited"], ended["sealed"], ended["rebooted"]) == (None, None, True)
    assert watch.log() == b"started\n"
    session = target.session()
    assert session.ask("seal", name="t-1", mask=["started"])["sealed"]["masked"] == 1
    assert session.ask("clear", name="t-1") == {"ok": True}


def test_a_newer_format_is_refused_and_not_guessed_at(target: Target) -> None:
    folder = bring(target, "protocol-1/finished")
    keeper = json.loads((folder / "keeper.json").read_text())
    runner.write_json(str(folder / "keeper.json"), {**keeper, "protocol": runner.PROTOCOL + 1})
    watch = target.watch()
    watch.follow("t-1")
    assert watch.step()["code"] == "protocol"
