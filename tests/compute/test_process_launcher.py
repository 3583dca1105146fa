"""The process launcher, held to the contract."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compute.launchers.base import Launcher
from compute.launchers.process import ProcessLauncher
from compute.place import Place
from compute.session import Session
from tests.contract.launcher import ON_AND_ON, LauncherContract, task
from tests.waiting import eventually


class TestProcessLauncher(LauncherContract):
    @pytest.fixture
    def launcher(self, session: Session) -> Launcher:
        return ProcessLauncher(session)

    @pytest.fixture
    def another(self, place: Place) -> Iterator[Launcher]:
        with Session(place) as session:
            yield ProcessLauncher(session)

    @pytest.fixture
    def lay_out(self, session: Session) -> Callable[[str], None]:
        return lambda name: session.materialise(name, b"[]")


def test_a_task_outlives_the_session_that_started_it(place: Place, tmp_path: Path) -> None:
    with Session(place) as session:
        handle = ProcessLauncher(session).launch(task(ON_AND_ON, tmp_path))
    with Session(place) as session:
        assert ProcessLauncher(session).alive(handle)


def test_a_handle_names_the_keeper_and_the_runner(session: Session, tmp_path: Path) -> None:
    handle = ProcessLauncher(session).launch(task(ON_AND_ON, tmp_path))
    assert handle["runner"] == session.runner_sha
    assert handle["root"] == session.place.root
    assert handle.keys() >= {"pid", "start_time", "boot_id"}


def test_a_keeper_that_somebody_told_to_end_leaves_both_answers_open(
    place: Place, session: Session, tmp_path: Path
) -> None:
    launcher = ProcessLauncher(session)
    handle = launcher.launch(task(ON_AND_ON, tmp_path))
    os.kill(handle["pid"], signal.SIGTERM)
    eventually(lambda: session.look(["t1"])["t1"].exited, what="the end")
    told = launcher.witness(handle, reason="host_shutdown")
    assert told.reason == "stopped_outside"
    assert "somebody on the target stopped it, or the target was going down" in told.sentence
    keeper = Path(place.root) / "tasks/t1/keeper.json"
    keeper.write_text(keeper.read_text().replace(handle["boot_id"], "0" * 36))
    assert launcher.witness(handle, reason="host_shutdown").reason == "host_restarted"
