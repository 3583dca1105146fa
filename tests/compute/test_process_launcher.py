"""The process launcher, held to the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compute.launchers.base import Launcher
from compute.launchers.process import ProcessLauncher
from compute.place import Place
from compute.session import Session
from tests.contract.launcher import ON_AND_ON, LauncherContract, task


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
