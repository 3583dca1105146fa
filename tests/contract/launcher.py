"""What every launcher promises, one promise a test.

A subclass gives `launcher`, `another` (the same place seen by another process of the studio)
and `lay_out` (makes a task's folder over there); `there` is a folder that both sides see.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compute.launchers.base import Handle, Launcher, LaunchSpec
from compute.session import RunnerRefused
from tests.contract.transport import lives
from tests.waiting import eventually

ON_AND_ON = "echo $$ > {there}/pid; while :; do sleep 0.05; done"
DEAF = "trap '' TERM; " + ON_AND_ON
LONG_S = 600.0


class LauncherContract:
    """Inherit, give the fixtures, and the launcher is held to the contract."""

    @pytest.fixture
    def launcher(self) -> Launcher:
        """The launcher under test."""
        raise NotImplementedError

    @pytest.fixture
    def another(self) -> Launcher:
        """A second launcher of the same place, which knows nothing of the first."""
        raise NotImplementedError

    @pytest.fixture
    def lay_out(self) -> Callable[[str], None]:
        """Makes the folder of a task that has not been launched."""
        raise NotImplementedError

    @pytest.fixture
    def there(self, tmp_path: Path) -> Path:
        """A folder that both sides see under the same path."""
        folder = tmp_path / "there"
        folder.mkdir()
        return folder

    def pid_here(self, pid: int) -> int:
        """The number on this side of a process that within the task has the number `pid`."""
        return pid

    def test_a_launched_command_runs(self, launcher: Launcher, there: Path) -> None:
        launcher.launch(task("echo ran > {there}/note", there))
        eventually(lambda: text_of(there / "note") == "ran\n", what="the command to run")

    def test_a_handle_is_small_json_with_kind_and_name(
        self, launcher: Launcher, there: Path
    ) -> None:
        handle = launcher.launch(task("true", there))
        assert len(json.dumps(handle)) < 1000
        assert handle["kind"]
        assert handle["name"] == "t1"

    def test_no_secret_stands_in_a_handle(self, launcher: Launcher, there: Path) -> None:
        spec = task("true", there, secrets={"TOKEN": "hush-hush"}, mask=["hush-hush"])
        assert "hush-hush" not in json.dumps(launcher.launch(spec))

    def test_a_secret_reaches_the_command(self, launcher: Launcher, there: Path) -> None:
        spec = task("echo $TOKEN > {there}/note", there, secrets={"TOKEN": "hush-hush"})
        launcher.launch(spec)
        eventually(lambda: text_of(there / "note") == "hush-hush\n")

    def test_launching_again_starts_nothing(self, launcher: Launcher, there: Path) -> None:
        spec = task("echo ran >> {there}/note; " + ON_AND_ON, there)
        first = launcher.launch(spec)
        eventually(lambda: text_of(there / "pid"))
        assert launcher.launch(spec)["name"] == first["name"]
        self._end(launcher, first)
        launcher.launch(spec)
        assert text_of(there / "note") == "ran\n"

    def test_of_two_launches_at_once_one_starts_it(
        self, launcher: Launcher, another: Launcher, there: Path
    ) -> None:
        spec = task("echo ran >> {there}/note", there)
        both = threading.Barrier(2)
        handles: list[Handle] = []

        def launch(by: Launcher) -> None:
            both.wait(10)
            handles.append(by.launch(spec))

        threads = [threading.Thread(target=launch, args=(by,)) for by in (launcher, another)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [handle["name"] for handle in handles] == ["t1", "t1"]
        eventually(lambda: not any(another.alive(handle) for handle in handles))
        assert text_of(there / "note") == "ran\n"

    def test_the_stored_handle_finds_it_again(
        self, launcher: Launcher, another: Launcher, there: Path
    ) -> None:
        handle = json.loads(json.dumps(launcher.launch(task(ON_AND_ON, there))))
        assert another.alive(handle)
        self._end(another, handle)

    def test_alive_until_the_end_and_not_after_it(self, launcher: Launcher, there: Path) -> None:
        command = "while [ ! -e {there}/go ]; do sleep 0.02; done"
        handle = launcher.launch(task(command, there))
        assert launcher.alive(handle)
        (there / "go").touch()
        eventually(lambda: not launcher.alive(handle))

    def test_a_process_that_got_its_number_is_not_taken_for_it(
        self, launcher: Launcher, there: Path
    ) -> None:
        handle = launcher.launch(task("true", there))
        eventually(lambda: not launcher.alive(handle))
        assert not launcher.alive({**handle, "pid": os.getpid()})

    def test_what_runs_is_not_pending(self, launcher: Launcher, there: Path) -> None:
        handle = launcher.launch(task(ON_AND_ON, there))
        eventually(lambda: text_of(there / "pid"))
        assert "t1" not in launcher.pending([handle])

    def test_a_command_that_cannot_be_executed_counts_as_started(
        self, launcher: Launcher, there: Path
    ) -> None:
        spec = LaunchSpec(name="t1", spec={"argv": [str(there / "no-such-program")], "cwd": "code"})
        handle = launcher.launch(spec)
        eventually(lambda: not launcher.alive(handle))

    def test_a_request_that_makes_no_sense_is_refused(self, launcher: Launcher) -> None:
        with pytest.raises(RunnerRefused, match="argv"):
            launcher.launch(LaunchSpec(name="t1", spec={"argv": []}))

    def test_stop_ends_the_whole_tree(self, launcher: Launcher, there: Path) -> None:
        grandchild = "setsid sh -c 'echo $$ > {there}/grandchild; sleep 600' & "
        handle = launcher.launch(task(grandchild + ON_AND_ON, there))
        pids = [
            self.pid_here(int(eventually(lambda name=name: text_of(there / name))))  # type: ignore[misc]
            for name in ("pid", "grandchild")
        ]
        launcher.stop(handle, grace_s=0.2, reason="canceled_by_user")
        eventually(lambda: not launcher.alive(handle))
        assert not any(lives(pid) for pid in pids)

    def test_stop_kills_what_does_not_listen(self, launcher: Launcher, there: Path) -> None:
        handle = launcher.launch(task(DEAF, there))
        eventually(lambda: text_of(there / "pid"))
        launcher.stop(handle, grace_s=0.2, reason="canceled_by_user")
        eventually(lambda: not launcher.alive(handle))

    def test_stop_does_not_wait_for_the_end(self, launcher: Launcher, there: Path) -> None:
        handle = launcher.launch(task(DEAF, there))
        eventually(lambda: text_of(there / "pid"))
        launcher.stop(handle, grace_s=LONG_S, reason="canceled_by_user")
        assert launcher.alive(handle)
        self._end(launcher, handle)

    def test_stopping_what_has_ended_succeeds(self, launcher: Launcher, there: Path) -> None:
        handle = launcher.launch(task("true", there))
        eventually(lambda: not launcher.alive(handle))
        launcher.stop(handle, grace_s=0, reason="canceled_by_user")

    def test_stopping_what_never_was_succeeds(self, launcher: Launcher) -> None:
        launcher.stop({"kind": "process", "name": "t9"}, grace_s=0, reason="canceled_by_user")

    def test_what_was_stopped_before_its_start_never_starts(
        self, launcher: Launcher, lay_out: Callable[[str], None], there: Path
    ) -> None:
        lay_out("t1")
        launcher.stop({"kind": "process", "name": "t1"}, grace_s=0, reason="canceled_by_user")
        handle = launcher.launch(task("touch {there}/note", there))
        eventually(lambda: not launcher.alive(handle))
        assert not (there / "note").exists()

    def test_settle_leaves_the_living_alone(self, launcher: Launcher, there: Path) -> None:
        count = "i=0; while :; do i=$((i+1)); echo $i > {there}/count; sleep 0.02; done"
        handle = launcher.launch(task(count, there))
        seen = int(eventually(lambda: text_of(there / "count")))
        launcher.settle(handle)
        eventually(
            lambda: int(text_of(there / "count") or 0) > seen + 20 or not launcher.alive(handle),
            what="it to go on",
        )
        assert launcher.alive(handle)
        self._end(launcher, handle)

    def test_settling_what_has_ended_or_never_was_succeeds(
        self, launcher: Launcher, there: Path
    ) -> None:
        handle = launcher.launch(task("true", there))
        eventually(lambda: not launcher.alive(handle))
        launcher.settle(handle)
        launcher.settle({**handle, "name": "t9"})

    def test_what_was_released_has_its_folder_and_does_not_start_again(
        self, launcher: Launcher, another: Launcher, there: Path
    ) -> None:
        spec = task("echo ran >> {there}/note", there)
        handle = launcher.launch(spec)
        eventually(lambda: not launcher.alive(handle))
        launcher.release(handle)
        another.release(handle)
        again = another.launch(spec)
        eventually(lambda: not another.alive(again))
        assert text_of(there / "note") == "ran\n"

    def test_clear_forgets_what_has_ended(self, launcher: Launcher, there: Path) -> None:
        spec = task("echo ran >> {there}/note", there)
        handle = launcher.launch(spec)
        eventually(lambda: not launcher.alive(handle))
        launcher.clear(handle)
        launcher.clear(handle)
        launcher.launch(spec)
        eventually(lambda: text_of(there / "note") == "ran\nran\n", what="a second first time")

    def test_clear_spares_the_living(self, launcher: Launcher, there: Path) -> None:
        handle = launcher.launch(task(ON_AND_ON, there))
        with pytest.raises(RunnerRefused) as refusal:
            launcher.clear(handle)
        assert refusal.value.code == "alive"
        assert launcher.alive(handle)

    def _end(self, launcher: Launcher, handle: Handle) -> None:
        launcher.stop(handle, grace_s=0, reason="canceled_by_user")
        eventually(lambda: not launcher.alive(handle))


def task(command: str, there: Path, **more: Any) -> LaunchSpec:
    """A task named t1 that lets a shell run `command`, with {there} filled in."""
    words = ["/bin/sh", "-c", command.replace("{there}", str(there))]
    spec = {"argv": words, "cwd": "code", "task": "run/1/1", "grace_s": 1, "cookie": str(there)}
    return LaunchSpec(name="t1", spec=spec, **more)


def text_of(path: Path) -> str:
    """What stands in a file; nothing when there is none yet."""
    return path.read_text() if path.exists() else ""
