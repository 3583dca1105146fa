"""The Docker launcher, held to the contract and to what only an engine can do to it."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute.answers import TaskState
from compute.containers import ROOT, Limits
from compute.launchers.base import Launcher, LaunchSpec
from compute.launchers.docker import DockerLauncher
from compute.session import Session
from compute.transports.base import TargetRefused, TargetUnreachable
from tests.contract.launcher import ON_AND_ON, LauncherContract, task, text_of
from tests.docker.conftest import SharingSite, place_at
from tests.docker.engine import DockerEngine
from tests.waiting import eventually


class TestDockerLauncher(LauncherContract):
    @pytest.fixture
    def launcher(self, session: Session, site: SharingSite) -> Launcher:
        return DockerLauncher(session, site)

    @pytest.fixture
    def another(self, site: SharingSite) -> Iterator[Launcher]:
        with Session(place_at(site)) as session:
            yield DockerLauncher(session, site)

    @pytest.fixture
    def lay_out(self, session: Session) -> Callable[[str], None]:
        return lambda name: session.materialise(name, b"[]")

    @pytest.fixture
    def there(self, seen: Path) -> Path:
        return seen

    @pytest.fixture(autouse=True)
    def _on(self, engine: DockerEngine, site: SharingSite) -> None:
        self._engine, self._container = engine, site.container_name("t1")

    def pid_here(self, pid: int) -> int:
        return self._engine.pid_of(self._container, pid)


def container(engine: DockerEngine, site: SharingSite) -> dict[str, Any]:
    """What the engine says of the container of t1."""
    found: dict[str, Any] = engine.api.inspect_container(site.container_name("t1"))
    return found


def launched(session: Session, site: SharingSite, spec: LaunchSpec) -> DockerLauncher:
    launcher = DockerLauncher(session, site)
    launcher.launch(spec)
    return launcher


def ended(session: Session) -> TaskState:
    """How t1 ended, once its own record is there."""

    def look() -> TaskState | None:
        state = session.look(["t1"])["t1"]
        return state if state.exited is not None else None

    return eventually(look, timeout_s=20, what="the end of t1")


def settled(launcher: DockerLauncher, session: Session) -> Mapping[str, Any]:
    """The record that the launcher makes of a container that died without one."""
    eventually(lambda: not launcher.alive({"name": "t1"}), what="the container to end")
    assert session.look(["t1"])["t1"].exited is None
    launcher.settle({"name": "t1"})
    exited = session.look(["t1"])["t1"].exited
    assert exited is not None
    assert exited["status"] is None
    return exited


def test_a_run_sees_its_own_folder_and_nothing_else_of_the_volume(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    session.materialise("t2", b"[]")
    launched(
        session,
        site,
        task(f"ls {ROOT} {ROOT}/tasks > {{there}}/list; id -u >> {{there}}/list", seen),
    )
    ended(session)
    assert text_of(seen / "list").split() == [
        f"{ROOT}:", "runner", "tasks", f"{ROOT}/tasks:", "t1", "1000",
    ]  # fmt: skip
    found = container(engine, site)
    assert found["HostConfig"]["LogConfig"]["Type"] == "none"
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    writable = [mount["Destination"] for mount in found["Mounts"] if mount["RW"]]
    assert sorted(writable) == sorted([f"{ROOT}/tasks/t1", site.there])


def test_the_runner_that_keeps_a_run_cannot_be_changed_by_it(
    session: Session, site: SharingSite, seen: Path
) -> None:
    command = f"echo > {ROOT}/runner/{session.runner_sha}/runner.py || echo kept > {{there}}/note"
    launched(session, site, task(command, seen))
    eventually(lambda: text_of(seen / "note") == "kept\n")


def test_named_data_is_there_to_be_read_where_an_admin_allows_it(
    session: Session, site: SharingSite, seen: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data" / "mnist"
    data.mkdir(parents=True)
    (data / "x").write_text("pixels\n")
    command = f"cat {data}/x > {{there}}/note; touch {data}/y || echo closed >> {{there}}/note"
    spec = task(command, seen, data=[str(data)])
    with pytest.raises(TargetRefused, match="data folders"):
        DockerLauncher(session, site).launch(spec)
    open_site = replace(site, data=(str(data.parent),))
    launched(session, open_site, spec)
    ended(session)
    assert text_of(seen / "note") == "pixels\nclosed\n"
    assert site.helper() != open_site.helper()


def test_too_much_memory_ends_as_out_of_memory(
    session: Session, site: SharingSite, seen: Path
) -> None:
    tight = replace(site, limits=Limits(memory_bytes=64 << 20, pids=100, nano_cpus=10**9))
    hungry = "import os; os.write(1, b'eating'); x = bytearray(200 << 20)"
    spec = LaunchSpec(name="t1", spec={"argv": ["python3", "-c", hungry], "cwd": "code"})
    launcher = launched(session, tight, spec)
    eventually(lambda: not launcher.alive({"name": "t1"}), timeout_s=20)
    launcher.settle({"name": "t1"})
    exited = ended(session).exited
    assert exited is not None
    assert exited["reason"] == "out_of_memory"
    assert launcher.witness({"name": "t1"}, reason="out_of_memory").sentence == ""


def test_memory_that_somebody_took_from_a_container_is_told(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    hungry = (
        f"import os, time\nwhile not os.path.exists({str(seen / 'go')!r}): time.sleep(0.02)\n"
        "os.write(1, b'eating'); x = bytearray(200 << 20)"
    )
    spec = LaunchSpec(name="t1", spec={"argv": ["python3", "-c", hungry], "cwd": "code"})
    launcher = launched(session, site, spec)
    little = {"mem_limit": 64 << 20, "memswap_limit": 64 << 20}
    engine.api.update_container(site.container_name("t1"), **little)
    (seen / "go").touch()
    eventually(lambda: not launcher.alive({"name": "t1"}), timeout_s=20)
    launcher.settle({"name": "t1"})
    exited = ended(session).exited
    assert exited is not None
    assert exited["reason"] == "out_of_memory"
    told = launcher.witness({"name": "t1"}, reason="out_of_memory")
    assert "('docker update'), which may use 64 MiB" in told.sentence


def test_a_container_that_somebody_removed_is_told_from_a_script_that_failed(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, task(ON_AND_ON, seen))
    eventually(lambda: text_of(seen / "pid"))
    engine.api.remove_container(site.container_name("t1"), force=True)
    exited = settled(launcher, session)
    assert exited["reason"] == "stopped_outside"
    assert exited["error"] == (
        "Somebody removed its container from the engine while the command ran."
    )


def test_a_container_that_somebody_killed_is_told_too(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, task(ON_AND_ON, seen))
    eventually(lambda: text_of(seen / "pid"))
    engine.api.kill(site.container_name("t1"), "SIGKILL")
    exited = settled(launcher, session)
    assert exited["reason"] == "stopped_outside"
    assert "Somebody had the engine kill its container (signal 9)" in exited["error"]


def test_a_container_that_was_killed_past_its_engine_is_blamed_on_nobody(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, task(ON_AND_ON, seen))
    eventually(lambda: text_of(seen / "pid"))
    os.kill(container(engine, site)["State"]["Pid"], signal.SIGKILL)
    exited = settled(launcher, session)
    assert exited["reason"] == "keeper_lost"
    assert "by its machine, as when memory is short, or by somebody there" in exited["error"]


def test_a_renamed_suspended_paused_container_is_the_same_to_us(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, task(ON_AND_ON, seen))
    eventually(lambda: text_of(seen / "pid"))
    engine.api.rename(site.container_name("t1"), "somebodys")
    assert launcher.alive({"name": "t1"})
    engine.api.kill("somebodys", "SIGSTOP")
    engine.api.pause("somebodys")
    assert "'docker unpause somebodys'" in launcher.settle({"name": "t1"})
    launcher.stop({"name": "t1"}, grace_s=10, reason="canceled_by_user")
    exited = ended(session).exited
    assert exited is not None
    assert exited["reason"] == "canceled_by_user"
    launcher.release({"name": "t1"})
    assert not engine.api.containers(all=True, filters={"label": "runyard.task=t1"})


def test_a_paused_container_is_told_and_goes_on_where_it_was(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    count = "i=0; while :; do i=$((i+1)); echo $i > {there}/count; sleep 0.02; done"
    launcher = launched(session, site, task(count, seen))
    eventually(lambda: text_of(seen / "count"))
    name = site.container_name("t1")
    assert launcher.settle({"name": "t1"}) == ""
    engine.api.pause(name)
    before = text_of(seen / "count")
    assert launcher.settle({"name": "t1"}) == (
        f"Its container is paused on the engine: 'docker unpause {name}' there lets it go on."
    )
    assert launcher.alive({"name": "t1"})
    assert text_of(seen / "count") == before
    engine.api.unpause(name)
    eventually(lambda: text_of(seen / "count") not in {before, ""})
    assert launcher.settle({"name": "t1"}) == ""


def test_the_end_of_its_time_reaches_a_paused_container(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, task("trap 'exit 3' TERM; " + ON_AND_ON, seen))
    eventually(lambda: text_of(seen / "pid"))
    engine.api.pause(site.container_name("t1"))
    launcher.stop({"name": "t1"}, grace_s=10, reason="timed_out")
    exited = ended(session).exited
    assert exited is not None
    assert (exited["status"], exited["reason"]) == ({"exited": 3}, "timed_out")


def test_a_container_that_died_before_its_command_could_begin_is_told(
    session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, replace(task("true", seen), python="/bin/true"))
    said = settled(launcher, session)
    assert said["reason"] == "keeper_lost"
    assert said["error"] == "The container ended before its command did (exit status 0)."


def test_a_container_that_is_stopped_from_outside_ends_its_command_in_order(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, task("trap 'exit 3' TERM; " + ON_AND_ON, seen))
    eventually(lambda: text_of(seen / "pid"))
    engine.api.stop(site.container_name("t1"))
    exited = ended(session).exited
    assert exited is not None
    assert (exited["status"], exited["reason"]) == ({"exited": 3}, "host_shutdown")
    told = launcher.witness({"name": "t1"}, reason="host_shutdown")
    assert told.reason == "stopped_outside"
    assert "Somebody had the engine stop its container (signal 15" in told.sentence


def test_an_engine_that_goes_down_is_not_asked_who_ended_its_containers(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    stubborn = "trap 'echo told > {there}/note; sleep 2' TERM; " + ON_AND_ON
    launcher = launched(session, site, task(stubborn, seen))
    eventually(lambda: text_of(seen / "pid"))
    going_down = threading.Thread(target=engine.stop)
    going_down.start()
    try:
        eventually(lambda: text_of(seen / "note"), what="the command to be told")
        with pytest.raises(TargetUnreachable):
            launcher.witness({"name": "t1"}, reason="host_shutdown")
    finally:
        going_down.join()
        engine.start()
    assert launcher.witness({"name": "t1"}, reason="host_shutdown").reason == "host_restarted"


def test_a_keeper_that_was_told_to_end_past_its_engine_leaves_both_answers_open(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, task(ON_AND_ON, seen))
    eventually(lambda: text_of(seen / "pid"))
    os.kill(container(engine, site)["State"]["Pid"], signal.SIGTERM)
    exited = ended(session).exited
    assert exited is not None
    assert exited["reason"] == "host_shutdown"
    told = launcher.witness({"name": "t1"}, reason="host_shutdown")
    assert told.reason == "stopped_outside"
    assert "somebody stopped it, or its engine or the machine was going down" in told.sentence


def test_a_released_task_leaves_its_folder_and_no_container(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    launcher = launched(session, site, task("echo said", seen))
    ended(session)
    launcher.release({"name": "t1"})
    assert not engine.api.containers(all=True, filters={"label": "runyard.task=t1"})
    launcher.settle({"name": "t1"})
    exited = session.look(["t1"])["t1"].exited
    assert exited is not None
    assert exited["status"] == {"exited": 0}


def test_secrets_that_were_not_handed_over_are_by_the_next_launch(
    engine: DockerEngine, session: Session, site: SharingSite, seen: Path
) -> None:
    spec = task("echo $TOKEN > {there}/note", seen, secrets={"TOKEN": "hush-hush"}, mask=["hush"])
    launcher = DockerLauncher(session, site)
    session.prepare("t1", {**spec.spec, "stdin": True})
    site.create_task("t1", role="run", runner_sha=session.runner_sha, stop_s=5)
    site.start(site.container_name("t1"))  # and here its launcher died
    eventually(lambda: session.look(["t1"])["t1"].claimed)
    launcher.launch(spec)
    eventually(lambda: text_of(seen / "note") == "hush-hush\n")
    assert "hush" not in str(container(engine, site))


def test_lent_gpus_are_asked_for_and_counted_anew_inside(
    engine: DockerEngine, session: Session, site: SharingSite
) -> None:
    env = {"CUDA_VISIBLE_DEVICES": "2,3"}
    spec = LaunchSpec(name="t1", spec={"argv": ["true"], "env": env}, gpus=["2", "3"])
    with pytest.raises(TargetRefused, match="could not be started"):  # there is no GPU here
        DockerLauncher(session, site).launch(spec)
    assert not engine.api.containers(all=True, filters={"label": "runyard.task=t1"})
    (asked,) = site.run_config([], ["2", "3"])["DeviceRequests"]
    assert asked["DeviceIDs"] == ["2", "3"]
    assert asked["Capabilities"] == [["gpu"]]
    assert spec_of(engine, site)["env"] == {"CUDA_VISIBLE_DEVICES": "0,1"}


def spec_of(engine: DockerEngine, site: SharingSite) -> dict[str, Any]:
    """What the keeper of t1 would read."""
    command = ["cat", f"{ROOT}/tasks/t1/spec.json"]
    made = engine.api.exec_create(site.helper(), command)
    found: dict[str, Any] = json.loads(engine.api.exec_start(made["Id"]))
    return found
