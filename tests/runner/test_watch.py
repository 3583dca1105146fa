from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import sys
import time
from pathlib import Path

from compute.runner import runner
from tests.runner.rig import Target
from tests.waiting import eventually


def test_all_bytes_come_before_the_end(target: Target) -> None:
    """The end is said once, after the last byte, whatever moment the command ends at."""
    session, watch = target.session(), target.watch()
    for number in range(8):
        name, task = f"t-{number}", f"run/{number}/1"
        script = (
            f"i=0; while [ $i -lt {number * 400} ]; do echo line $i; i=$((i+1)); done; printf end"
        )
        spec = target.spec("sh", "-c", script)
        assert "started" in session.ask("start", name=name, spec=spec)
        watch.follow(name, task)
    for _ in range(8):
        while (ended := watch.step())["t"] != "ended":
            pass
        name = "t-" + ended["task"].split("/")[1]
        log = (target.folder(name) / "run.log").read_bytes()
        assert watch.log(task=ended["task"]) == log
        assert log.endswith(b"end")
        assert ended["streams"]["run.log"] == ended["sealed"]["log_bytes"] == len(log)
    kinds = [event["t"] for event in watch.events]
    assert kinds.count("started") == kinds.count("ended") == 8


def test_a_hundred_megabytes_as_they_come(target: Target) -> None:
    target.start("sh", "-c", "seq 1 100000000 | head -c 100000000")
    watch = target.watch()
    watch.follow("t-1")
    ended = watch.until("ended", timeout_s=60)
    assert ended["exited"]["status"] == {"exited": 0}
    assert watch.log() == (target.folder("t-1") / "run.log").read_bytes()
    assert len(watch.log()) == 100_000_000


def test_a_line_without_a_newline_comes_at_once(target: Target) -> None:
    gate = target.gate()
    watch = target.watch()
    watch.follow("t-1")
    target.start("sh", "-c", "printf progress; read x < gate; echo ' done'")
    watch.until_log(b"progress")
    gate.open()
    watch.until("ended")
    assert watch.log() == b"progress done\n"


def test_it_goes_on_from_any_offset(target: Target) -> None:
    target.start("seq", "1", "1000")
    target.wait_for("t-1", "sealed.json")
    log = (target.folder("t-1") / "run.log").read_bytes()
    for offset in (0, 1, 2000, len(log) - 1, len(log)):
        watch = target.watch()
        watch.follow("t-1", **{"run.log": offset})
        watch.until("ended")
        assert watch.log() == log[offset:]
        watch.hang_up()


def test_rewind_sends_again(target: Target) -> None:
    gate = target.gate()
    target.start("sh", "-c", "echo 0123456789; read x < gate")
    watch = target.watch()
    watch.follow("t-1")
    watch.until_log(b"0123456789\n")
    watch.send({"op": "rewind", "task": "run/1/1", "stream": "run.log", "offset": 4})
    again = watch.until_log(b"0123456789\n456789\n")
    assert (again["offset"], again["payload"]) == (4, b"456789\n")
    gate.open()
    watch.until("ended")


def test_unfollowed_tasks_are_silent(target: Target) -> None:
    target.start("sh", "-c", "while :; do echo x; sleep 0.01; done")
    watch = target.watch()
    watch.follow("t-1")
    watch.until("bytes")
    watch.send({"op": "unfollow", "task": "run/1/1"})
    watch.send({"op": "ping"})
    watch.until("pong")
    watch.events.clear()
    for _ in range(5):
        watch.send({"op": "ping"})
        watch.until("pong")
    assert {event["t"] for event in watch.events} == {"pong"}


def test_an_offset_beyond_the_log_is_told(target: Target) -> None:
    target.start("echo", "hello")
    target.wait_for("t-1", "sealed.json")
    watch = target.watch()
    watch.follow("t-1", **{"run.log": 100})
    short = watch.until("short")
    assert (short["stream"], short["size"]) == ("run.log", 6)
    assert watch.until("ended")["streams"]["run.log"] == 6
    assert watch.log() == b""


def test_a_log_that_its_script_cuts_short(target: Target) -> None:
    gates = [target.gate(name) for name in ("first", "second")]
    script = (
        "import os;"
        "print('x' * 5000); open('first').readline();"
        "os.truncate(os.environ['RUNYARD_DIR'] + '/run.log', 10); open('second').readline();"
        "print('after')"
    )
    target.start(sys.executable, "-c", script)
    watch = target.watch()
    watch.follow("t-1")
    watch.until_log(b"x" * 5000 + b"\n")
    gates[0].open()
    assert watch.until("short")["size"] == 10
    gates[1].open()
    ended = watch.until("ended")
    assert len(watch.log()) == 5001
    assert ended["streams"]["run.log"] == 16
    log = (target.folder("t-1") / "run.log").read_bytes()
    assert log == b"x" * 10 + b"after\n"
    assert ended["sealed"]["sha256"] == hashlib.sha256(log).hexdigest()


def test_metrics_samples_times_and_log_files_are_streams(target: Target) -> None:
    script = (
        "import os,time;"
        "open(os.environ['RUNYARD_METRICS'], 'a').write('{\"loss\": 1}\\n');"
        "os.makedirs('logs/deep'); open('logs/deep/a.txt', 'w').write('inner');"
        "open(b'logs/\\xff.txt', 'w').write('no text can name it');"
        "sum(range(5_000_000));"
        "print('one'); time.sleep(0.6); print('two'); time.sleep(0.8)"
    )
    target.start(sys.executable, "-c", script)
    watch = target.watch()
    watch.follow("t-1")
    ended = watch.until("ended")
    assert watch.log("metrics.jsonl") == b'{"loss": 1}\n'
    assert watch.log("logs/deep/a.txt") == b"inner"
    assert [name for name in ended["streams"] if name.startswith("logs/")] == ["logs/deep/a.txt"]
    times = list(struct.iter_unpack("<Qd", watch.log("times")))
    assert [offset for offset, _ in times] == [4, 8]
    assert 0.3 < times[1][1] - times[0][1] < 5
    sample = json.loads(watch.log("samples.jsonl").splitlines()[0])
    assert sample["processes"] == 1
    assert sample["rss_bytes"] > 1 << 20
    assert sample["cpu_s"] > 0
    assert sample["gpus"] == []
    sizes = {name: len(watch.log(name)) for name in ended["streams"]}
    assert sizes == ended["streams"] == ended["sealed"]["streams"]


def test_gpus_are_asked_by_nvidia_smi(target: Target, tmp_path: Path) -> None:
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text(
        "#!/bin/sh\ncase $1 in *name*) echo '0, A100, 40960';; *) echo '0, 87, 1024';; esac\n"
    )
    smi.chmod(0o755)
    target.sabotage("SAMPLE_S = 5.0", "SAMPLE_S = 0.2")
    session = target.session(env={**os.environ, "PATH": f"{smi.parent}:{os.environ['PATH']}"})
    assert session.ask("hello")["gpus"] == [
        {"index": 0, "name": "A100", "memory_bytes": 40960 << 20}
    ]
    spec = target.spec("sleep", "600")
    session.ask("start", name="t-1", spec=spec)
    samples = target.folder("t-1") / "samples.jsonl"
    gpu = {"index": 0, "util": 87.0, "mem_bytes": 1024 << 20}
    eventually(
        lambda: samples.exists() and json.dumps(gpu) in samples.read_text(), what="a GPU sample"
    )


def test_a_folder_that_is_not_there_is_gone(target: Target) -> None:
    watch = target.watch()
    watch.follow("t-none")
    assert watch.step() == {"t": "gone", "task": "run/1/1"}


def test_a_task_can_be_followed_before_it_starts(target: Target) -> None:
    target.folder("t-1").mkdir(parents=True)
    watch = target.watch()
    watch.follow("t-1")
    watch.send({"op": "ping"})
    watch.until("pong")
    target.start("echo", "hello")
    started = watch.until("started")["started"]
    assert started["pid"] == target.read("t-1", "started.json")["pid"]
    watch.until("ended")
    assert watch.log() == b"hello\n"


def test_beats_count_and_tell_who_lives(target: Target) -> None:
    target.sabotage("BEAT_S = 2.0", "BEAT_S = 0.1")
    target.start("sleep", "600")
    watch = target.watch()
    watch.follow("t-1")
    beats = [watch.until("beat") for _ in range(2)]
    assert [beats[0][who] for who in ("keeper", "sampler", "command")] == ["alive"] * 3
    assert beats[1]["beat"] > beats[0]["beat"]


def test_outputs_that_stand_still_are_told(target: Target) -> None:
    target.sabotage("SETTLED_S = 10.0", "SETTLED_S = 0.3")
    target.sabotage("SAMPLE_S = 5.0", "SAMPLE_S = 0.2")
    target.start("sh", "-c", "echo a > outputs/a; echo b > outputs/b; echo c > other; sleep 600")
    watch = target.watch()
    watch.follow("t-1")
    assert watch.until("settled")["count"] == 2
    (target.folder("t-1") / "code" / "outputs" / "c").write_text("later")
    assert watch.until("settled")["count"] == 1


def test_many_tasks_share_the_line_fairly(target: Target) -> None:
    """A log of 40 MB does not keep the small ones waiting until it is through."""
    session = target.session()
    for name, size in (("t-big", 40 << 20), ("t-small", 10)):
        spec = target.spec("head", "-c", str(size), "/dev/zero")
        session.ask("start", name=name, spec=spec)
        target.wait_for(name, "sealed.json")
    watch = target.watch()
    watch.follow("t-big", "run/1/1")
    watch.follow("t-small", "run/2/1")
    order = []
    while len(order) < 2:
        event = watch.step()
        if event["t"] == "ended":
            order.append(event["task"])
    assert order == ["run/2/1", "run/1/1"]
    assert len(watch.log()) == 40 << 20


def test_an_older_record_without_our_newer_fields_is_read(target: Target) -> None:
    """Only what protocol 1 promises is needed of a folder that another runner left."""
    folder = target.folder("t-1")
    folder.mkdir(parents=True)
    for name, record in {
        "claim": {"pid": 1, "start_time": -1, "boot_id": runner.boot_id()},
        "keeper.json": {"protocol": 1, "pid": 1, "start_time": -1, "boot_id": runner.boot_id()},
        "started.json": {"pid": 1, "start_time": -1, "pgid": 1, "started_at": time.time()},
    }.items():
        (folder / name).write_text(json.dumps(record))
    (folder / "run.log").write_bytes(b"old words\n")
    watch = target.watch()
    watch.follow("t-1")
    ended = watch.until("ended")
    assert (ended["exited"], ended["rebooted"]) == (None, False)
    assert watch.log() == b"old words\n"


def test_a_request_it_cannot_obey_is_answered(target: Target) -> None:
    watch = target.watch()
    watch.send({"op": "follow", "task": "run/1/1", "name": "../x"})
    assert watch.step()["code"] == "name"
    watch.send({"op": "dance", "task": "run/1/1"})
    assert "dance" in watch.step()["error"]


def test_what_nobody_claims_for_long_may_have_died_where_it_cannot_be_seen(target: Target) -> None:
    target.sabotage("SILENCE_S = 10.0", "SILENCE_S = 0.3")
    target.session().ask("prepare", name="t-1", spec=target.spec("true"))
    watch = target.watch()
    watch.follow("t-1")
    assert watch.until("beat")["keeper"] == "unknown"
    target.session().ask("stop", name="t-1", reason="canceled_by_user")
    assert watch.until("ended")["exited"]["reason"] == "canceled_by_user"


PIPE = "a pipe that nobody writes into"
SPOILED = {
    "exited.json": ('{"a":' * 3000, json.dumps({"error": "x" * (1 << 20)}), "[1]", "{", PIPE),
    "sealed.json": ("[1]", PIPE),
    "keeper.json": ('{"pid": "x"}', '{"pid": 1, "sampler": 7}', "[]", PIPE),
    "started.json": ('{"pid": "x"}', json.dumps({"pid": 1, "x": "x" * (1 << 20)}), PIPE),
    "claim": ('{"pid": []}', '{"exited": 5}', PIPE),
    "spec.json": ("[]", '{"outputs": [1]}', '{"outputs": 1}', PIPE),
    "beat": ("x", PIPE),
}


def test_a_task_whose_files_make_no_sense_ends_and_holds_up_no_other(target: Target) -> None:
    """Its own command can write there."""
    target.start("true")
    eventually((target.folder("t-1") / "sealed.json").exists, what="its end")
    cases = [(name, content) for name, contents in SPOILED.items() for content in contents]
    watch = target.watch()
    for number, (name, content) in enumerate(cases, start=10):
        folder = target.folder(f"t-{number}")
        shutil.copytree(target.folder("t-1"), folder)
        (folder / name).unlink(missing_ok=True)
        if content == PIPE:
            os.mkfifo(folder / name)
        else:
            (folder / name).write_text(content)
        watch.follow(folder.name, folder.name)
    target.start("echo", "sound", name="t-2")
    watch.follow("t-2", "t-2")
    waited_for = {f"t-{number}" for number in (2, *range(10, 10 + len(cases)))}
    while waited_for:
        event = watch.step()
        if event["t"] == "ended":
            waited_for.discard(event["task"])
    assert watch.log(task="t-2") == b"sound\n"
    spoiled = [target.folder(f"t-{number}") for number in range(10, 10 + len(cases))]
    assert len(target.session().ask("look", names=[each.name for each in spoiled])["payload"])
    for each in spoiled:
        shutil.rmtree(each)
