from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from compute.runner import runner
from tests.runner.rig import Header, Target
from tests.waiting import eventually

STUBBORN = """
trap '' TERM
setsid sh -c "trap '' TERM; echo \\$\\$ > grandchild; while :; do echo still; sleep 0.05; done" &
(trap '' TERM; echo $$ > child; while :; do sleep 0.1; done) &
echo up
while :; do sleep 0.1; done
"""


def start_stubborn(target: Target, name: str = "t-1", **fields: object) -> None:
    """A tree that ignores TERM, with a grandchild in a session of its own that keeps printing."""
    assert "started" in target.start("sh", "-c", STUBBORN, name=name, **fields)  # type: ignore[arg-type]
    eventually(lambda: b"still" in (target.folder(name) / "run.log").read_bytes(), what="the tree")


def stop(target: Target, name: str = "t-1", grace_s: float = 0.2) -> Header:
    return target.session().ask("stop", name=name, reason="canceled_by_user", grace_s=grace_s)


def carriers(target: Target, name: str = "t-1") -> list[int]:
    """The living processes that have the task's cookie in their environment."""
    return carriers_of(target.read(name, "spec.json")["cookie"])


def carriers_of(cookie: str) -> list[int]:
    mark = f"RUNYARD_COOKIE={cookie}".encode()
    rows = runner.process_table().values()
    return [row.pid for row in rows if not row.gone and runner.carries(row.pid, mark)]


def kill(target: Target, who: str, name: str = "t-1") -> None:
    """Kill keeper, sampler or both, and see them dead."""
    keeper = target.read(name, "keeper.json")
    processes = {"keeper": [keeper], "sampler": [keeper["sampler"]]}
    processes["both"] = processes["keeper"] + processes["sampler"]
    for process in processes[who]:
        os.kill(process["pid"], signal.SIGKILL)
    eventually(lambda: not any(map(runner.lives, processes[who])), what="death")


def test_a_polite_command_ends_within_its_grace(target: Target) -> None:
    script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
    target.start("sh", "-c", script)
    eventually(lambda: (target.folder("t-1") / "run.log").read_bytes() == b"up\n")
    assert stop(target, grace_s=30) == {"ok": True, "state": "stopping"}
    exited = target.wait_for("t-1", "exited.json")
    assert exited["status"] == {"exited": 3}
    assert exited["reason"] == "canceled_by_user"
    assert (target.folder("t-1") / "run.log").read_bytes().endswith(b"bye\n")


def test_a_stubborn_tree_is_killed_whole(target: Target) -> None:
    start_stubborn(target)
    assert len(carriers(target)) >= 3
    stop(target)
    exited = target.wait_for("t-1", "exited.json")
    assert carriers(target) == []
    assert exited["status"] == {"signaled": signal.SIGKILL}
    assert exited["reason"] == "canceled_by_user"


def test_the_time_limit_ends_a_stubborn_tree(target: Target) -> None:
    start_stubborn(target, time_limit_s=0.5, grace_s=0.2)
    exited = target.wait_for("t-1", "exited.json")
    assert carriers(target) == []
    assert (exited["status"], exited["reason"]) == ({"signaled": 9}, "timed_out")


def test_a_harsher_wish_shortens_the_grace(target: Target) -> None:
    start_stubborn(target)
    stop(target, grace_s=600)
    assert not (target.folder("t-1") / "exited.json").exists()
    stop(target, grace_s=0)
    assert target.wait_for("t-1", "exited.json")["reason"] == "canceled_by_user"


def test_a_suspended_tree_can_be_stopped(target: Target) -> None:
    target.start("sh", "-c", "echo up; kill -STOP $$; echo never")
    pid = target.read("t-1", "started.json")["pid"]
    eventually(lambda: Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "T")
    stop(target, grace_s=30)
    assert target.wait_for("t-1", "exited.json")["status"] == {"signaled": signal.SIGTERM}


def test_a_grandchild_that_keeps_printing_after_the_end_is_ended(target: Target) -> None:
    script = "setsid sh -c 'while :; do echo more; sleep 0.02; done' & sleep 0.2; exit 5"
    target.start("sh", "-c", script)
    exited = target.wait_for("t-1", "exited.json")
    size = (target.folder("t-1") / "run.log").stat().st_size
    assert exited["status"] == {"exited": 5}
    assert exited["reason"] is None
    assert exited["strays_killed"] >= 1
    assert carriers(target) == []
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == size > 0


def test_a_grandchild_without_our_environment_is_ended_too(target: Target) -> None:
    stray = "echo $$ > pid; trap '' TERM; while :; do sleep 0.1; done"
    target.start("sh", "-c", 'env -i setsid /bin/sh -c "$0" & sleep 0.3', stray)
    assert target.wait_for("t-1", "exited.json")["strays_killed"] >= 1
    pid = int((target.folder("t-1") / "code" / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_a_late_writer_may_finish_its_line(target: Target) -> None:
    target.start("bash", "-c", "exec > >(sleep 0.05; cat; echo flushed) 2>&1; echo last words")
    exited = target.wait_for("t-1", "exited.json")
    assert (target.folder("t-1") / "run.log").read_bytes() == b"last words\nflushed\n"
    assert exited["strays_killed"] == 0


def test_stop_before_the_start_is_for_ever(target: Target) -> None:
    target.folder("t-1").mkdir(parents=True)
    assert stop(target)["state"] == "never_started"
    assert target.start("echo", "no") == {"claimed": True}
    exited = target.read("t-1", "exited.json")
    assert (exited["status"], exited["reason"]) == (None, "canceled_by_user")
    assert target.read("t-1", "sealed.json")["log_bytes"] == 0
    assert stop(target)["state"] == "ended"


def test_a_stopper_that_dies_after_its_claim_has_still_stopped_it(target: Target) -> None:
    target.folder("t-1").mkdir(parents=True)
    target.sabotage(
        "            task.seal([], nothing)\n",
        "            os.unlink(task.path('exited.json')); os.kill(os.getpid(), 9)\n",
    )
    session = target.session()
    session.send({"op": "stop", "name": "t-1", "reason": "canceled_by_user"})
    session.process.wait(timeout=10)
    watch = target.watch()
    watch.follow("t-1")
    assert watch.until("ended")["exited"]["reason"] == "canceled_by_user"


def test_stop_of_what_is_gone_succeeds(target: Target) -> None:
    assert stop(target, name="t-none") == {"ok": True, "state": "gone"}


def test_a_wish_that_comes_before_the_claim_is_read_by_the_keeper(target: Target) -> None:
    folder = target.folder("t-1")
    folder.mkdir(parents=True)
    (folder / "stop.json").write_text('{"reason": "canceled_by_user", "grace_s": 1}')
    assert "stopped before it started" in target.start("echo", "no")["failed"]
    exited = target.wait_for("t-1", "exited.json")
    assert (exited["status"], exited["reason"], exited["started_at"]) == (
        None,
        "canceled_by_user",
        None,
    )
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == 0


@pytest.mark.parametrize("turn", range(6))
def test_start_and_stop_at_the_same_moment(target: Target, turn: int) -> None:
    starter, stopper = target.session(), target.session()
    for session in (starter, stopper):
        session.ask("ping")
    target.folder("t-1").mkdir(parents=True)
    spec = target.spec("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    starter.send({"op": "start", "name": "t-1", "spec": spec})
    time.sleep(turn * 0.002)  # not a wait for anything: another interleaving each turn
    stopper.send({"op": "stop", "name": "t-1", "reason": "canceled_by_user", "grace_s": 0})
    assert stopper.receive()[0]["ok"]
    assert target.wait_for("t-1", "exited.json")["reason"] == "canceled_by_user"
    target.wait_gone("t-1")
    assert carriers_of(spec["cookie"]) == []


def test_the_host_going_down_ends_the_command(target: Target) -> None:
    target.start("sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done", grace_s=5)
    eventually(lambda: (target.folder("t-1") / "run.log").read_bytes() == b"up\n")
    os.kill(target.read("t-1", "keeper.json")["pid"], signal.SIGTERM)
    exited = target.wait_for("t-1", "exited.json")
    assert (exited["status"], exited["reason"]) == ({"exited": 7}, "host_shutdown")


# -- with keeper, sampler or both killed


def test_a_dead_sampler_is_replaced(target: Target) -> None:
    start_stubborn(target)
    first = target.read("t-1", "keeper.json")["sampler"]
    kill(target, "sampler")
    eventually(
        lambda: target.read("t-1", "keeper.json")["sampler"] != first, what="another sampler"
    )
    stop(target)
    exited = target.wait_for("t-1", "exited.json")
    size = (target.folder("t-1") / "run.log").stat().st_size
    assert exited["status"] == {"signaled": 9}
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == size


@pytest.mark.parametrize("who", ["sampler", "keeper", "both"])
def test_the_time_limit_holds_whoever_was_killed(target: Target, who: str) -> None:
    start_stubborn(target, time_limit_s=1.0, grace_s=0.2)
    watch = target.watch()
    watch.follow("t-1")
    kill(target, who)
    ended = watch.until("ended")
    assert carriers(target) == []
    assert ended["exited"]["reason"] == "timed_out"
    assert ended["exited"]["status"] == ({"signaled": 9} if who == "sampler" else None)
    assert (ended["sealed"] is None) == (who == "both")
    assert watch.log() == (target.folder("t-1") / "run.log").read_bytes()


@pytest.mark.parametrize("who", ["sampler", "keeper", "both"])
def test_a_stop_holds_whoever_was_killed(target: Target, who: str) -> None:
    start_stubborn(target)
    kill(target, who)
    assert stop(target)["state"] == "stopping"
    exited = target.wait_for("t-1", "exited.json")
    assert carriers(target) == []
    assert exited["reason"] == "canceled_by_user"
    assert exited["status"] == ({"signaled": 9} if who == "sampler" else None)
    target.wait_gone("t-1")
    size = (target.folder("t-1") / "run.log").stat().st_size
    assert target.session().ask("seal", name="t-1", mask=[])["sealed"]["log_bytes"] == size


def test_without_its_keeper_a_task_ends_with_an_unknown_status(target: Target) -> None:
    gate = target.gate()
    target.start("sh", "-c", "read x < gate; echo $x; exit 0")
    kill(target, "keeper")
    gate.open("done")
    exited = target.wait_for("t-1", "exited.json")
    assert (exited["status"], exited["reason"]) == (None, "keeper_lost")
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == len(b"done\n")
    target.wait_gone("t-1")


def test_a_keeper_that_dies_while_it_clears_up_has_told_the_status(target: Target) -> None:
    target.sabotage("        self._ended_at = now\n", "        self._ended_at = now; die_once()\n")
    target.source += b"\n\ndef die_once():\n    if os.getpid() == KEEPER: os.kill(KEEPER, 9)\n"
    target.sabotage(
        "        self._wakeup = wakeup_pipe()",
        "        global KEEPER; KEEPER = os.getpid(); self._wakeup = wakeup_pipe()",
    )
    target.start("sh", "-c", "setsid sleep 60 & sleep 0.1; exit 4")
    exited = target.wait_for("t-1", "exited.json")
    assert (exited["status"], exited["reason"]) == ({"exited": 4}, None)
    assert carriers(target) == []
    script = "(trap '' TERM; exec setsid sleep 60) & sleep 60"
    target.start("sh", "-c", script, name="t-2", time_limit_s=0.2)
    exited = target.wait_for("t-2", "exited.json")
    assert not runner.lives(target.read("t-2", "keeper.json"))
    assert (exited["status"], exited["reason"]) == ({"signaled": 15}, "timed_out")
    assert carriers(target, "t-2") == []


def test_a_keeper_that_dies_after_its_record_leaves_the_receipt_to_the_sampler(
    target: Target,
) -> None:
    target.sabotage('        self._tell({"seal": True})\n', "        os.kill(os.getpid(), 9)\n")
    target.start("echo", "hello")
    assert target.wait_for("t-1", "exited.json")["status"] == {"exited": 0}
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == 6


def test_a_sampler_that_dies_while_it_seals_leaves_the_receipt_to_the_keeper(
    target: Target,
) -> None:
    target.sabotage(
        "        receipt = self._digest.receipt()\n", "        os.kill(os.getpid(), 9)\n"
    )
    target.start("echo", "hello")
    assert target.wait_for("t-1", "exited.json")["status"] == {"exited": 0}
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == 6


def test_a_stuck_sampler_does_not_hold_up_the_receipt(target: Target) -> None:
    target.sabotage("SEAL_STALL_S = 30.0", "SEAL_STALL_S = 0.3")
    target.sabotage("        receipt = self._digest.receipt()\n", "        time.sleep(600)\n")
    target.start("echo", "hello")
    assert target.wait_for("t-1", "sealed.json")["log_bytes"] == 6
    target.wait_gone("t-1")


def test_strangers_with_our_numbers_are_left_alone(target: Target) -> None:
    """The pids that we noted belong to others by now: only start times tell."""
    target.start("sh", "-c", "sleep 600")
    kill(target, "both")
    os.killpg(target.read("t-1", "started.json")["pgid"], signal.SIGKILL)
    eventually(lambda: carriers(target) == [])
    stranger = target.session()  # some process of another story
    pid = stranger.process.pid
    for name in ("started.json", "keeper.json"):
        record = target.read("t-1", name)
        record.update(pid=pid, pgid=pid)
        if "sampler" in record:
            record["sampler"]["pid"] = pid
        runner.write_json(str(target.folder("t-1") / name), record)
    looked = target.session().ask("look", names=["t-1"])["payload"]["t-1"]
    assert [looked[who] for who in ("keeper", "sampler", "command")] == ["dead"] * 3
    assert stop(target)["state"] == "lost"
    watch = target.watch()
    watch.follow("t-1")
    assert watch.until("ended")["exited"] is None
    assert stranger.ask("ping") == {"ok": True}
    assert target.session().ask("clear", name="t-1") == {"ok": True}


def test_a_reboot_is_told(target: Target) -> None:
    target.start("sh", "-c", "echo hello; sleep 600")
    eventually((target.folder("t-1") / "run.log").read_bytes)
    kill(target, "both")
    os.killpg(target.read("t-1", "started.json")["pgid"], signal.SIGKILL)
    for name in ("claim", "started.json", "keeper.json"):
        record = target.read("t-1", name)
        runner.write_json(
            str(target.folder("t-1") / name), {**record, "boot_id": "an-earlier-boot"}
        )
    looked = target.session().ask("look", names=["t-1"])["payload"]["t-1"]
    assert looked["rebooted"] is True
    assert [looked[who] for who in ("keeper", "sampler", "command")] == ["dead"] * 3
    watch = target.watch()
    watch.follow("t-1")
    ended = watch.until("ended")
    assert (ended["exited"], ended["rebooted"]) == (None, True)
    assert watch.log() == b"hello\n"


def test_a_keeper_elsewhere_is_unknown_and_never_declared_dead(target: Target) -> None:
    """A shared file system: another machine keeps the task, its pids mean nothing here."""
    target.sabotage("SILENCE_S = 10.0", "SILENCE_S = 0.5")
    target.start("sh", "-c", "sleep 600")
    kill(target, "both")
    for name in ("claim", "started.json", "keeper.json"):
        record = target.read("t-1", name)
        there = {**record, "boot_id": "theirs", "host": "node-7", "pid_namespace": "pid:[1]"}
        runner.write_json(str(target.folder("t-1") / name), there)
    looked = target.session().ask("look", names=["t-1"])["payload"]["t-1"]
    assert [looked[who] for who in ("keeper", "sampler", "command")] == ["unknown"] * 3
    assert looked["rebooted"] is False
    watch = target.watch()
    watch.follow("t-1")
    beats = [watch.until("beat"), watch.until("beat")]
    assert beats[-1]["keeper"] == "unknown"
    assert target.session().ask("clear", name="t-1")["code"] == "alive"
    stop(target)  # a wish that the keeper over there will read
    assert target.read("t-1", "stop.json")["reason"] == "canceled_by_user"
    runner.write_json(str(target.folder("t-1") / "exited.json"), {"status": {"exited": 0}})
    assert watch.until("ended")["sealed"] is None
    assert carriers(target) != []  # nobody here has touched it
