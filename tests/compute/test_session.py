"""Requests to a real runner, and what becomes of them when the line is bad."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import signal
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute.answers import AlreadyClaimed, Collected, CouldNotStart, ExtraFile, Started
from compute.contact import runner_source
from compute.place import Place
from compute.session import RunnerRefused, Session
from compute.transports.base import TargetRefused, TargetUnreachable, Transport
from tests.contract.transport import within
from tests.doubles import (
    BannerTransport,
    CuttableTransport,
    DeadTransport,
    LyingTransport,
    SilentTransport,
    SlowTransport,
)
from tests.waiting import eventually


def spec(command: str, **more: Any) -> dict[str, Any]:
    return {"argv": ["/bin/sh", "-c", command], "cwd": "code", "task": "run/1/1", **more}


def via(place: Place, transport: Transport) -> Place:
    return replace(place, transport=transport)


def put(session: Session, folder: Path, content: bytes) -> str:
    """Send some content to the place's store: its hash."""
    sha = hashlib.sha256(content).hexdigest()
    path = folder / sha
    path.write_bytes(content)
    session.send(sha, path)
    return sha


def finished(session: Session, name: str) -> None:
    eventually(lambda: session.look([name])[name].sealed, what="the task to end")


def test_hello_tells_the_facts(session: Session, place: Place) -> None:
    facts = session.hello()
    assert facts["root"] == place.root
    assert facts["runner_sha"] == session.runner_sha == runner_source()[1]
    assert facts["cores"] >= 1


def test_the_runner_is_sent_once_and_kept(place: Place) -> None:
    source, sha = runner_source()
    kept = Path(place.root) / "runner" / sha / "runner.py"
    with Session(place):
        eventually(kept.exists)
        written_at = kept.stat().st_mtime_ns
    with Session(place) as session:
        session.hello()
    assert kept.read_bytes() == source
    assert kept.stat().st_mtime_ns == written_at


def files(*shas: str, size: int = 0) -> bytes:
    """A manifest of these contents, which are all of one size."""
    entries = [
        {"path": f"file-{number}", "mode": 0o644, "size": size, "sha": sha}
        for number, sha in enumerate(shas)
    ]
    return json.dumps(entries).encode()


def test_what_is_missing_is_told_sent_and_then_laid_out(
    session: Session, place: Place, tmp_path: Path
) -> None:
    contents = [os.urandom(3_000_000) for _ in range(3)]
    shas = [hashlib.sha256(content).hexdigest() for content in contents]
    put(session, tmp_path, contents[0])
    assert session.materialise("t1", files(*shas, size=3_000_000)) == set(shas[1:])
    assert not (Path(place.root) / "tasks" / "t1" / "code").exists()
    for content in contents[1:]:
        put(session, tmp_path, content)
    assert session.materialise("t1", files(*shas, size=3_000_000)) == set()
    laid_out = Path(place.root) / "tasks" / "t1" / "code" / "file-2"
    assert laid_out.read_bytes() == contents[2]


def test_a_damaged_content_on_the_target_is_asked_for_again(
    session: Session, place: Place, tmp_path: Path
) -> None:
    sha = put(session, tmp_path, b"print('hi')\n")
    kept = Path(place.blobs) / sha[:2] / sha
    kept.chmod(0o644)
    kept.write_bytes(b"print('ha')\n")
    assert session.materialise("t1", files(sha, size=12)) == {sha}
    put(session, tmp_path, b"print('hi')\n")
    assert session.materialise("t1", files(sha, size=12)) == set()


def test_a_lie_about_a_hash_is_refused_and_the_session_goes_on(
    session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "content"
    path.write_bytes(os.urandom(2_500_000))
    with pytest.raises(RunnerRefused) as refusal:
        session.send("0" * 64, path)
    assert refusal.value.code == "hash"
    assert session.materialise("t1", files("0" * 64)) == {"0" * 64}


def test_a_manifest_is_laid_out(session: Session, place: Place, tmp_path: Path) -> None:
    sha = put(session, tmp_path, b"print('hi')\n")
    manifest = [
        {"path": "pkg/train.py", "mode": 0o755, "size": 12, "sha": sha},
        {"path": "link", "link": "pkg/train.py"},
    ]
    session.materialise("t1", json.dumps(manifest).encode())
    code = Path(place.root) / "tasks" / "t1" / "code"
    assert (code / "link").read_bytes() == b"print('hi')\n"
    assert (code / "pkg" / "train.py").stat().st_mode & 0o777 == 0o755


def test_requests_and_answers_larger_than_a_frame_pass(session: Session) -> None:
    shas = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(100_000)]
    assert session.materialise("t1", files(*shas)) == set(shas)


def test_a_request_with_too_large_a_header_is_refused_and_the_session_goes_on(
    session: Session,
) -> None:
    with pytest.raises(RunnerRefused, match="too big"):
        session.start("t1", spec("true", env={"X": "x" * 2_000_000}))
    assert session.look(["t1"])["t1"].folder is False


def test_a_started_task_is_started_once(session: Session) -> None:
    assert isinstance(session.start("t1", spec("true")), Started)
    assert isinstance(session.start("t1", spec("true")), AlreadyClaimed)


def test_a_command_that_does_not_exist_is_told(session: Session) -> None:
    outcome = session.start("t1", {**spec(""), "argv": ["no-such-command"]})
    assert isinstance(outcome, CouldNotStart)
    assert "no-such-command" in outcome.sentence


def test_secrets_and_masks_travel_and_the_receipt_counts_them(
    session: Session, place: Place
) -> None:
    session.start("t1", spec("echo $TOKEN"), secrets={"TOKEN": "hush-hush"}, mask=["hush-hush"])
    finished(session, "t1")
    folder = Path(place.root) / "tasks" / "t1"
    assert (folder / "run.log").read_text() == "hush-hush\n"
    receipt = session.seal("t1", ["hush-hush"])
    assert receipt["masked"] == 1
    assert receipt["sha256"] == hashlib.sha256(b"*********\n").hexdigest()
    others = [path for path in folder.glob("*.json*") if "hush" in path.read_text()]
    assert others == []


def test_a_build_order_is_laid_beside_the_task(session: Session, place: Place) -> None:
    session.start("t1", spec("true"), build={"key": "abc"})
    finished(session, "t1")
    assert json.loads((Path(place.root) / "tasks/t1/build.json").read_text()) == {"key": "abc"}


def test_look_tells_alive_from_ended_from_never(session: Session) -> None:
    session.start("t1", spec("sleep 600"))
    states = session.look(["t1", "t2"])
    assert states["t1"].alive
    assert states["t1"].claimed
    assert not states["t2"].alive
    assert not states["t2"].folder
    session.stop("t1", reason="canceled_by_user", grace_s=0)
    eventually(lambda: not session.look(["t1"])["t1"].alive)
    exited = session.look(["t1"])["t1"].exited
    assert exited is not None
    assert exited["reason"] == "canceled_by_user"


def test_a_living_task_can_be_neither_sealed_nor_cleared(session: Session) -> None:
    session.start("t1", spec("sleep 600"))
    for attempt in (lambda: session.seal("t1", []), lambda: session.clear("t1")):
        with pytest.raises(RunnerRefused) as refusal:
            attempt()
        assert refusal.value.code == "alive"


def test_outputs_are_collected_and_fetched(session: Session) -> None:
    made = "mkdir outputs/deep; printf model > outputs/deep/m; printf x > beside; : > outputs/none"
    session.start("t1", spec(made))
    finished(session, "t1")
    found = session.collect("t1", ["outputs/**"])
    assert sorted((file.path, file.size) for file in found.files) == [
        ("outputs/deep/m", 5),
        ("outputs/none", 0),
    ]
    assert found.extra == [ExtraFile("beside", 1)]
    shas = {file.path: file.sha for file in found.files}
    assert shas["outputs/deep/m"] == hashlib.sha256(b"model").hexdigest()
    for path, content in (("outputs/deep/m", b"model"), ("beside", b"x"), ("outputs/none", b"")):
        into = io.BytesIO()
        session.fetch("t1", path, into)
        assert into.getvalue() == content


def test_fresh_outputs_are_not_settled(session: Session) -> None:
    session.start("t1", spec("printf x > outputs/x"))
    finished(session, "t1")
    assert session.collect("t1", ["outputs/**"], settled_s=600) == Collected([], [])


def test_a_large_file_is_fetched_whole(session: Session, place: Place) -> None:
    session.start("t1", spec("head -c 9000001 /dev/urandom > outputs/big"))
    finished(session, "t1")
    into = io.BytesIO()
    session.fetch("t1", "outputs/big", into)
    path = Path(place.root) / "tasks/t1/code/outputs/big"
    assert into.getvalue() == path.read_bytes()


def test_a_sink_that_fails_leaves_no_session_that_could_be_misunderstood(
    session: Session,
) -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError("No space left on device")

    session.start("t1", spec("head -c 3000000 /dev/zero > outputs/big"))
    finished(session, "t1")
    with pytest.raises(OSError, match="No space"):
        session.fetch("t1", "outputs/big", Full())
    assert not session.is_usable


def test_what_is_not_there_is_refused_with_its_code(session: Session) -> None:
    with pytest.raises(RunnerRefused, match="t9") as refusal:
        session.fetch("t9", "outputs/x", io.BytesIO())
    assert refusal.value.code == "gone"
    assert session.is_usable


def test_environments_are_asked_listed_and_removed(session: Session, place: Place) -> None:
    folder = Path(place.root) / "envs" / "k1"
    (folder / "bin").mkdir(parents=True)
    missing = session.env_state("k1")
    assert not missing.is_ready
    assert missing.why
    (folder / "bin" / "python").symlink_to(place.python)
    (folder / "complete").write_text('{"key": "k1", "files": []}')
    assert session.env_state("k1").is_ready
    assert [env.key for env in session.envs().envs] == ["k1"]
    session.remove_env("k1")
    session.remove_env("k1")
    assert session.envs().envs == []


# ------------------------------------------------------------------------------ bad lines


def test_a_dead_target_is_unreachable(place: Place) -> None:
    with pytest.raises(TargetUnreachable, match="No route to host"):
        Session(via(place, DeadTransport()))


def test_a_silent_target_is_given_up_in_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as hurry, within(20):
        hurry.setattr("compute.contact.CONTACT_S", 0.3)
        with pytest.raises(TargetUnreachable, match="in time"):
            Session(via(place, SilentTransport(place.transport)))


def test_a_slow_target_is_still_understood(place: Place) -> None:
    with Session(via(place, SlowTransport(place.transport, 0.02))) as session:
        assert session.hello()["root"] == place.root


def test_an_answer_that_takes_too_long_ends_in_time(place: Place) -> None:
    with Session(place) as session:
        os.kill(session._channel._process.pid, signal.SIGSTOP)  # it cannot answer any more
        with within(20), pytest.raises(TargetUnreachable, match="in time"):
            session.hello(timeout_s=0.1)
        assert not session.is_usable


def test_what_speaks_no_frames_is_unreachable(place: Place) -> None:
    with pytest.raises(TargetUnreachable, match="where a frame was expected"):
        Session(via(place, LyingTransport(place.transport)))


def test_a_banner_is_skipped(place: Place) -> None:
    banner = b"Welcome to host-1!\nRUNYARD RUNYARD have\n" + b"x" * 60_000
    with Session(via(place, BannerTransport(place.transport, banner))) as session:
        assert session.hello()["root"] == place.root


def test_a_banner_without_end_is_refused(place: Place) -> None:
    with pytest.raises(TargetUnreachable, match="login scripts"):
        Session(via(place, BannerTransport(place.transport, b"x" * 70_000)))


def test_a_place_without_python_is_refused(place: Place) -> None:
    with pytest.raises(TargetRefused, match="no-such-python"):
        Session(replace(place, python="/opt/no-such-python"))


def test_a_root_that_cannot_be_made_is_refused(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetRefused, match="NotADirectoryError"):
        Session(replace(place, root=str(tmp_path / "file" / "root")))


def test_a_link_that_is_cut_during_a_request_is_told_at_once(place: Place) -> None:
    link = CuttableTransport(place.transport)
    with Session(via(place, link)) as session:
        session.start("t1", spec("sleep 600"))
        cutter = threading.Timer(0.2, link.cut)
        cutter.start()
        asked = (session.look(["t1"]) for _ in itertools.count())
        with within(20), pytest.raises(TargetUnreachable):
            deque(asked, maxlen=0)
        cutter.join()
        assert not session.is_usable
    link.mend()
    with Session(via(place, link)) as session:
        assert session.look(["t1"])["t1"].alive


def test_a_killed_runner_is_told_and_its_task_lives_on(place: Place) -> None:
    with Session(place) as session:
        session.start("t1", spec("sleep 600"))
        runner = int(
            Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()[-1]
        )
        os.kill(runner, 9)
        with pytest.raises(TargetUnreachable):
            session.look(["t1"])
    with Session(place) as session:
        assert session.look(["t1"])["t1"].alive


SLOW_START = """
import json, os, struct
os.read(0, 1 << 20)
head = json.dumps({"error": "look again", "code": "timeout"}).encode()
os.write(1, struct.pack(">II", len(head), 0) + head)
os.read(0, 1)
"""


def test_a_start_that_takes_too_long_is_unknown_and_not_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = place.transport.popen([place.python, "-c", SLOW_START])
    monkeypatch.setattr("compute.session.open_runner", lambda *_: (channel, "0" * 64))
    with Session(place) as session, pytest.raises(TargetUnreachable, match="look again"):
        session.start("t1", spec("true"))
