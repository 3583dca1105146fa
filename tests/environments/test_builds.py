"""Builds on a real local target: real runner, real uv, packages from a folder."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from compute.models import ComputeTarget
from compute.session import RunnerRefused, Session
from compute.transports.base import TargetUnreachable
from environments.models import Build, BuiltEnvironment, Environment, EnvironmentVersion, Lock
from environments.services import (
    Building,
    EnvironmentState,
    Failed,
    Ready,
    build_cancel,
    build_ensure,
    build_finished,
    build_folder,
    build_order,
    build_stop,
    builds_to_stop,
    built_get,
    built_remove,
    environment_create,
    order_walk,
    target_clean,
)
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import User, Workspace
from tests.environments.registry import Registry
from tests.waiting import eventually

pytestmark = pytest.mark.django_db

RECEIPT = {"stored_bytes": 0}


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was said to workers, the monitor and open pages; no Redis is needed."""
    said: list[str] = []
    doors = "environments.services.builds"
    monkeypatch.setattr(f"{doors}.enqueue", lambda name, *args: said.append(f"{name} {args[0]}"))
    monkeypatch.setattr(f"{doors}.push", lambda group, message: said.append(f"push {group}"))
    monkeypatch.setattr(f"{doors}.hint_monitor", lambda text: said.append(f"hint {text}"))
    return said


@pytest.fixture(autouse=True)
def _no_redis(messages: list[str]) -> None:
    """No test here needs more of Redis than that."""


class Studio:
    """The parts of a worker and of a monitor that builds need."""

    def __init__(
        self, user: User, workspace: Workspace, target: ComputeTarget, session: Session
    ) -> None:
        self.user, self.workspace, self.target, self.session = user, workspace, target, session
        self.tasks = Path(session.place.root) / "tasks"

    def version(self, requirements: str, name: str = "mine") -> EnvironmentVersion:
        return environment_create(
            user=self.user, workspace=self.workspace, name=name, requirements=requirements
        )

    def ensure(
        self, version: EnvironmentVersion, waited_for: Build | None = None
    ) -> EnvironmentState:
        return build_ensure(
            version=version, target=self.target, session=self.session, waited_for=waited_for
        )

    def building(self, version: EnvironmentVersion) -> Build:
        state = self.ensure(version)
        assert isinstance(state, Building), state
        return state.build

    def exited(self, build: Build) -> Mapping[str, Any]:
        """What the target says of the end of a build."""
        name = build_folder(build)
        return eventually(
            lambda: self.session.look([name])[name].exited, timeout_s=60, what="the build to end"
        )

    def log(self, build: Build) -> str:
        return (self.tasks / build_folder(build) / "run.log").read_text()

    def finish(self, build: Build) -> Build:
        """Play the monitor: wait for the end and tell it."""
        exited = self.exited(build)
        build_finished(
            build=build, exited=exited, receipt=RECEIPT, log_tail=self.log(build).encode()
        )
        build.refresh_from_db()
        return build

    def ready(self, version: EnvironmentVersion) -> Ready:
        state = self.ensure(version)
        if isinstance(state, Building):
            self.finish(state.build)
            state = self.ensure(version)
        assert isinstance(state, Ready), state
        return state


@pytest.fixture
def studio(member: User, workspace: Workspace, target: ComputeTarget, session: Session) -> Studio:
    return Studio(member, workspace, target, session)


def says(python: str, code: str) -> str:
    return subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def test_an_environment_is_built_once_and_then_ready(
    studio: Studio, registry: Registry, messages: list[str]
) -> None:
    registry.wheel("tool", requires=("core",))
    registry.wheel("core", "2.1")
    version = studio.version("tool\n")

    build = studio.building(version)
    assert build.status == Build.Status.RUNNING
    assert build.started_at is not None
    assert build.handle.items() >= {"kind": "process", "name": build_folder(build)}.items()
    assert build.handle["runner"] == studio.session.runner_sha
    assert messages == [
        f"push build.{build.pk}",
        f"push environments.{studio.target.workspace_id}",
        f"hint target {studio.target.pk}",
    ]
    assert studio.building(version) == build, "whoever asks meanwhile waits for the same build"

    messages.clear()
    studio.finish(build)
    assert (build.status, build.error) == (Build.Status.READY, "")
    assert build.ended_at is not None
    assert messages == [
        f"push build.{build.pk}",
        f"push environments.{studio.target.workspace_id}",
        f"runs.jobs.dispatch {studio.target.pk}",
        f"environments.jobs.store {build.pk}",
        f"environments.jobs.clean {studio.target.pk}",
    ]

    ready = studio.ready(version)
    assert says(ready.python, "import core; print(core.version)") == "2.1"
    assert ready.python.startswith(f"{ready.bin}/")
    assert ready.variables == {"VIRTUAL_ENV": ready.path}
    assert Build.objects.count() == 1


def test_equal_packages_under_another_name_need_no_second_build(
    studio: Studio, registry: Registry
) -> None:
    registry.wheel("tool")
    first = studio.ready(studio.version("tool\n", name="one"))
    second = studio.ensure(studio.version("tool==1.0\n", name="two"))
    assert second == first


def test_an_empty_environment_is_python_alone(studio: Studio) -> None:
    ready = studio.ready(studio.version("# nothing\n"))
    assert says(ready.python, "import sys; print(sys.prefix)") == ready.path


def test_a_universal_lock_is_used_from_its_python_on(studio: Studio, registry: Registry) -> None:
    tool = registry.wheel("tool")
    registry.wheel("tool", "2.0")
    version = studio.version("tool\n")
    universal = Lock.objects.create(
        version=version,
        python_version="3.11",
        platform=Lock.ANY_PLATFORM,
        text=f"tool==1.0 \\\n    --hash={tool}\n",
    )
    assert studio.building(version).lock == universal
    universal.python_version = "3.99"
    universal.save()
    assert "tool==2.0" in studio.building(version).lock.text


def test_a_lock_never_moves_by_itself(studio: Studio, registry: Registry) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    first = studio.ready(version)
    registry.wheel("tool", "2.0")
    assert studio.ensure(version) == first
    assert Lock.objects.count() == 1


def test_what_was_touched_since_is_built_anew_beside_it(studio: Studio, registry: Registry) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    ready = studio.ready(version)
    [module] = Path(ready.path).glob("lib/*/site-packages/tool.py")
    module.unlink()
    build = studio.building(version)
    assert (build.generation, build.is_current) == (1, True)
    assert build.cause.startswith("What was built before cannot be used any more. 1 of its files")
    assert studio.building(version) == build, "whoever asks meanwhile waits for the same one"
    studio.finish(build)
    anew = studio.ready(version)
    assert anew.path != ready.path
    assert len(list(Path(anew.path).glob("lib/*/site-packages/tool.py"))) == 1
    assert Path(ready.python).exists(), "runs may be using what was there"
    assert Build.objects.count() == 2


def test_what_hashes_have_found_to_be_damaged_is_built_anew(
    studio: Studio, registry: Registry
) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    ready = studio.ready(version)
    key = Path(ready.path).name
    BuiltEnvironment.objects.create(target=studio.target, key=key, fault="It is damaged.")
    build = studio.building(version)
    assert build.generation == 1
    assert build.cause.endswith("It is damaged.")


def test_a_rebuild_leaves_what_is_ready_to_its_users(studio: Studio, registry: Registry) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    ready = studio.ready(version)
    ordered = build_ensure(
        version=version, target=studio.target, session=studio.session, anew="Ada asked for it."
    )
    assert isinstance(ordered, Building)
    assert (ordered.build.generation, ordered.build.cause) == (1, "Ada asked for it.")
    assert studio.ensure(version) == ready, "new runs take what is there until it is ready"
    studio.finish(ordered.build)
    assert "Comparing every file" in studio.log(ordered.build)
    assert studio.ready(version).path != ready.path


@pytest.fixture
def reached(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that look for the target themselves find the session's place."""
    for module in ("orders", "cleaning"):
        monkeypatch.setattr(
            f"environments.services.{module}.target_place", lambda target: studio.session.place
        )
        monkeypatch.setattr(f"environments.services.{module}.enqueue", lambda *args: None)


@pytest.mark.usefixtures("reached")
def test_an_order_is_walked_to_its_build(
    studio: Studio, registry: Registry, viewer: User, stranger: User
) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    ComputeTarget.objects.update(open_to_members=True)
    studio.target.refresh_from_db()
    for other, refusal in ((viewer, Forbidden), (stranger, NotFound)):
        with pytest.raises(refusal):
            build_order(user=other, version=version, target=studio.target)
    order = build_order(user=studio.user, version=version, target=studio.target)
    assert build_order(user=studio.user, version=version, target=studio.target) == order
    order_walk(order_id=order.pk)
    order.refresh_from_db()
    assert order.build is not None
    assert order.status == Build.Status.RUNNING
    studio.finish(order.build)
    order.refresh_from_db()
    assert order.status == Build.Status.READY

    again = build_order(user=studio.user, version=version, target=studio.target)
    order_walk(order_id=again.pk)
    again.refresh_from_db()
    assert (again.build, again.status) == (None, Build.Status.READY)
    anew = build_order(user=studio.user, version=version, target=studio.target, is_rebuild=True)
    order_walk(order_id=anew.pk)
    anew.refresh_from_db()
    assert anew.build is not None
    assert anew.build.cause == "ada asked for it to be made anew."


def test_an_image_that_is_used_as_it_is_is_not_made_anew(studio: Studio) -> None:
    version = studio.version("")
    version.spec = {"kind": "image", "image": "python:3.12-slim"}
    with pytest.raises(Refused, match=r"is the image python:3\.12-slim as it is"):
        build_order(user=studio.user, version=version, target=studio.target, is_rebuild=True)


@pytest.mark.usefixtures("reached")
def test_an_order_that_cannot_be_met_says_why(studio: Studio, registry: Registry) -> None:
    registry.wheel("tool")
    version = studio.version("tool>=9\n")
    with pytest.raises(Refused, match="open to the instance owner alone"):
        build_order(user=studio.user, version=version, target=studio.target)
    ComputeTarget.objects.update(open_to_members=True)
    studio.target.refresh_from_db()
    order = build_order(user=studio.user, version=version, target=studio.target)
    order_walk(order_id=order.pk)
    order.refresh_from_db()
    assert order.status == Build.Status.FAILED
    assert "tool>=9" in order.error


@pytest.mark.usefixtures("reached")
def test_little_room_costs_what_was_not_used_for_longest(
    studio: Studio, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = {}
    for name in ("one", "two", "kept"):
        registry.wheel(name)
        ready[name] = studio.ready(studio.version(f"{name}\n", name))
    keys = {name: Path(environment.path).name for name, environment in ready.items()}
    for age, environment in enumerate(reversed(ready.values()), start=1):
        used_at = time.time() - 3600 * age
        os.utime(Path(environment.path, "complete"), (used_at, used_at))
    (Path(studio.session.place.root) / "envs" / "half").mkdir()
    target_clean(target_id=studio.target.pk)
    rows = {row.key: row for row in BuiltEnvironment.objects.all()}
    assert set(rows) == set(keys.values()), "the leftover is gone"
    assert all(row.size_bytes and row.verified_at and not row.fault for row in rows.values())

    BuiltEnvironment.objects.filter(key=keys["one"]).update(is_pinned=True)
    studio.target.refresh_from_db()
    stock = studio.target.environments_stock["folder"]
    ComputeTarget.objects.update(environments_gib=1)
    bound = stock["bytes"] - rows[keys["two"]].size_bytes // 2
    monkeypatch.setattr("environments.services.cleaning.GIB", bound)
    target_clean(target_id=studio.target.pk)
    left = set(BuiltEnvironment.objects.values_list("key", flat=True))
    assert left == {keys["one"], keys["kept"]}
    assert not Path(ready["two"].path).exists()
    target_clean(target_id=studio.target.pk)
    assert Path(ready["kept"].path).exists()


@pytest.mark.usefixtures("reached")
def test_one_is_removed_by_hand_unless_it_was_just_used(
    studio: Studio, registry: Registry, viewer: User
) -> None:
    registry.wheel("tool")
    ready = studio.ready(studio.version("tool\n"))
    target_clean(target_id=studio.target.pk)
    built = built_get(target=studio.target, key=Path(ready.path).name)
    with pytest.raises(Forbidden):
        built_remove(user=viewer, built=built)
    with pytest.raises(Refused, match="was used a moment ago"):
        built_remove(user=studio.user, built=built)
    os.utime(Path(ready.path, "complete"), (1, 1))
    built_remove(user=studio.user, built=built)
    assert not Path(ready.path).exists()
    assert not BuiltEnvironment.objects.exists()


def test_packages_that_cannot_be_resolved_fail_without_a_build(
    studio: Studio, registry: Registry
) -> None:
    registry.wheel("tool")
    state = studio.ensure(studio.version("tool>=9\n"))
    assert isinstance(state, Failed)
    assert state.build is None
    assert state.sentence.startswith("The packages of mine:1 cannot be resolved. ")
    assert "tool>=9" in state.sentence
    assert not Build.objects.exists()
    Environment.objects.update(origin=Environment.Origin.FOLDER)
    state = studio.ensure(EnvironmentVersion.objects.get())
    assert isinstance(state, Failed)
    assert state.sentence.startswith("The packages of the folder's requirements.txt cannot be")


def broken_version(studio: Studio, registry: Registry) -> EnvironmentVersion:
    """A version whose wheel changes after it was locked."""
    registry.wheel("tool")
    version = studio.version("tool\n")
    lock = Lock(version=version, python_version="3.8", platform=Lock.ANY_PLATFORM)
    lock.text = "tool==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"
    lock.save()
    return version


def test_a_failed_build_is_the_verdict_for_who_waited_and_a_reason_to_try_again_for_others(
    studio: Studio, registry: Registry
) -> None:
    version = broken_version(studio, registry)
    failed = studio.finish(studio.building(version))
    assert failed.status == Build.Status.FAILED
    assert "Hash mismatch for `tool==1.0`" in failed.error
    assert "\n" not in failed.error

    verdict = studio.ensure(version, waited_for=failed)
    assert isinstance(verdict, Failed)
    assert verdict.build == failed
    assert verdict.sentence == f"Build {failed.pk} of mine:1 failed. {failed.error}"

    again = studio.building(version)
    assert again != failed
    failed.refresh_from_db()
    assert (failed.is_current, again.is_current) == (False, True)


def test_a_build_that_ended_well_but_left_nothing_usable_is_not_repeated_for_ever(
    studio: Studio, registry: Registry
) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    build = studio.finish(studio.building(version))
    session = studio.session
    session.remove_env(build.key)
    state = studio.ensure(version, waited_for=build)
    assert isinstance(state, Failed)
    assert "ended well, but" in state.sentence


def test_builds_wait_for_a_build_slot(studio: Studio, registry: Registry) -> None:
    registry.wheel("tool")
    registry.wheel("other")
    first = studio.building(studio.version("tool\n", name="one"))
    second = studio.building(studio.version("other\n", name="two"))
    assert (first.status, second.status) == (Build.Status.RUNNING, Build.Status.QUEUED)
    assert not (studio.tasks / build_folder(second)).exists()
    studio.finish(first)
    assert studio.building(second.version).status == Build.Status.RUNNING


def test_a_launch_that_another_worker_holds_is_left_to_it(
    studio: Studio, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    seen: list[Build.Status] = []
    start = Session.start

    def start_while_somebody_asks(session: Session, *args: Any, **more: Any) -> Any:
        if not seen:
            state = studio.ensure(version)
            assert isinstance(state, Building)
            seen.append(Build.Status(state.build.status))
        return start(session, *args, **more)

    monkeypatch.setattr(Session, "start", start_while_somebody_asks)
    build = studio.building(version)
    assert seen == [Build.Status.QUEUED]
    assert build.status == Build.Status.RUNNING
    assert studio.finish(build).status == Build.Status.READY


def launched_and_lost(
    studio: Studio, version: EnvironmentVersion, monkeypatch: pytest.MonkeyPatch
) -> Build:
    """A build that runs on its target while the database still calls it queued."""
    start = Session.start

    def start_and_break(session: Session, *args: Any, **more: Any) -> Any:
        start(session, *args, **more)
        raise TargetUnreachable("The channel broke.")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "start", start_and_break)
        with pytest.raises(TargetUnreachable):
            studio.ensure(version)
    [build] = Build.objects.all()
    assert build.status == Build.Status.QUEUED
    return build


def test_a_worker_that_died_after_the_launch_is_caught_up_with(
    studio: Studio, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    build = launched_and_lost(studio, version, monkeypatch)
    assert studio.building(version) == build
    studio.finish(build)
    assert build.status == Build.Status.READY
    log = studio.log(build)
    assert log.count("Making the environment with") == 1, "it ran once"


def test_a_start_that_the_target_refuses_fails_the_build(
    studio: Studio, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.wheel("tool")

    def refuse(*args: Any, **more: Any) -> Any:
        raise RunnerRefused("The disk of the target is full.", "disk")

    held = []

    def asked(job: str, build_id: int) -> None:
        if job == "environments.jobs.store":
            held.append(Build.objects.get(pk=build_id).lease_until)

    monkeypatch.setattr(Session, "start", refuse)
    monkeypatch.setattr("environments.services.builds.enqueue", asked)
    state = studio.ensure(studio.version("tool\n"))
    assert isinstance(state, Failed)
    assert state.build is not None
    assert state.sentence.endswith("failed. The disk of the target is full.")
    assert held == [None]  # who removes what was laid out for it finds it free


def test_a_start_that_was_not_confirmed_is_looked_for_again(
    studio: Studio, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")

    def time_out(*args: Any, **more: Any) -> Any:
        raise RunnerRefused("The task has not reported its start within 10 s.", "timeout")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "start", time_out)
        build = studio.building(version)
    assert build.status == Build.Status.QUEUED
    assert studio.building(version).status == Build.Status.RUNNING


def test_a_queued_build_is_canceled_at_once(studio: Studio, registry: Registry) -> None:
    registry.wheel("tool")
    registry.wheel("other")
    studio.building(studio.version("tool\n", name="one"))
    queued = studio.building(studio.version("other\n", name="two"))
    build_cancel(user=studio.user, build=queued)
    queued.refresh_from_db()
    assert queued.status == Build.Status.CANCELED
    verdict = studio.ensure(queued.version, waited_for=queued)
    assert isinstance(verdict, Failed)
    assert verdict.sentence == f"Build {queued.pk} of two:1 was canceled."
    assert studio.building(queued.version) != queued, "a canceled build binds nobody else"


@pytest.fixture
def stuck_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A uv that says who it is and then waits for ever."""
    program = tmp_path / "uv"
    program.write_text('#!/bin/sh\necho "stuck as $$"\nsleep 600\n')
    program.chmod(0o755)
    monkeypatch.setattr("environments.services.builds.find_uv_bin", lambda: str(program))
    return program


def test_a_running_build_is_stopped_on_its_target(
    studio: Studio,
    registry: Registry,
    stuck_uv: Path,
    messages: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.wheel("tool")
    version = studio.version("tool\n")
    build = studio.building(version)
    eventually(lambda: "stuck as" in studio.log(build), what="the build to be under way")
    messages.clear()
    build_cancel(user=studio.user, build=build)
    build_cancel(user=studio.user, build=build)
    assert messages == [f"environments.jobs.stop {build.pk}"]
    build.refresh_from_db()
    assert build.status == Build.Status.RUNNING, "the target has not heard of it yet"

    monkeypatch.setattr(
        "environments.services.builds.target_place", lambda target: studio.session.place
    )
    build_stop(build_id=build.pk)
    studio.finish(build)
    assert (build.status, build.error) == (Build.Status.CANCELED, "")
    assert builds_to_stop() == []


def test_a_build_whose_launcher_died_is_stopped_and_seen_to_its_end(
    studio: Studio,
    registry: Registry,
    stuck_uv: Path,
    messages: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.wheel("tool")
    build = launched_and_lost(studio, studio.version("tool\n"), monkeypatch)
    build_cancel(user=studio.user, build=build)
    assert f"environments.jobs.stop {build.pk}" in messages
    monkeypatch.setattr(
        "environments.services.builds.target_place", lambda target: studio.session.place
    )
    build_stop(build_id=build.pk)
    build.refresh_from_db()
    assert build.status == Build.Status.RUNNING, "the monitor follows it now"
    assert studio.finish(build).status == Build.Status.CANCELED


def test_a_wish_to_stop_is_repeated_until_the_build_has_ended(
    studio: Studio, registry: Registry, stuck_uv: Path
) -> None:
    registry.wheel("tool")
    build = studio.building(studio.version("tool\n"))
    build_cancel(user=studio.user, build=build)
    assert builds_to_stop() == [], "the first hint is still on its way"
    build.refresh_from_db()
    build.cancel_requested_at = build.created_at.replace(year=2000)
    build.save()
    assert builds_to_stop() == [build.pk]


def test_only_who_may_write_cancels(studio: Studio, registry: Registry, viewer: User) -> None:
    registry.wheel("tool")
    build = studio.building(studio.version("tool\n"))
    with pytest.raises(Forbidden):
        build_cancel(user=viewer, build=build)
    build.refresh_from_db()
    assert build.cancel_requested_at is None


@pytest.mark.parametrize(
    ("exited", "status", "error"),
    [
        ({"status": {"exited": 0}}, Build.Status.READY, ""),
        ({"status": {"exited": 2}}, Build.Status.FAILED, "No space left."),
        ({"status": None, "reason": "timed_out"}, Build.Status.FAILED, "It took longer than"),
        ({"status": None, "reason": "keeper_lost"}, Build.Status.FAILED, "No space left."),
        ({"reason": "host_shutdown"}, Build.Status.FAILED, "It was told to end from outside"),
        ({"reason": "exec_failed", "error": "No uv."}, Build.Status.FAILED, "No uv."),
        (None, Build.Status.FAILED, "Nobody saw how it ended"),
    ],
)
def test_how_a_build_ended_is_told_once(
    exited: dict[str, Any] | None,
    status: Build.Status,
    error: str,
    target: ComputeTarget,
    workspace: Workspace,
    messages: list[str],
) -> None:
    environment = Environment.objects.create(workspace=workspace, name="mine")
    version = EnvironmentVersion.objects.create(
        environment=environment, number=1, spec={}, spec_digest="0"
    )
    lock = Lock.objects.create(version=version, python_version="3.11", platform="any", text="")
    build = Build.objects.create(
        target=target, version=version, lock=lock, key="0", status=Build.Status.RUNNING
    )
    build_finished(build=build, exited=exited, receipt=RECEIPT, log_tail=b"...\nNo space left.\n")
    build.refresh_from_db()
    assert build.status == status
    assert build.error.startswith(error)
    assert bool(build.error) == bool(error)
    assert build.receipt == RECEIPT
    assert f"runs.jobs.dispatch {target.pk}" in messages

    messages.clear()
    build_finished(build=build, exited={"status": {"exited": 0}}, receipt={}, log_tail=b"")
    build.refresh_from_db()
    assert build.status == status
    assert f"push build.{build.pk}" not in messages


def test_an_existing_interpreter_is_used_as_it_is(studio: Studio, registry: Registry) -> None:
    registry.wheel("tool")
    theirs = studio.ready(studio.version("tool\n", name="theirs")).python
    version = environment_create(
        user=studio.user, workspace=studio.workspace, name="managed", interpreter_path=theirs
    )
    ready = studio.ready(version)
    assert ready.python == theirs
    assert ready.bin == str(Path(theirs).parent)
    assert ready.variables == {}
    assert Build.objects.count() == 1


def test_python_alone_is_the_targets_own(studio: Studio, session: Session) -> None:
    version = environment_create(
        user=studio.user, workspace=studio.workspace, name="managed", interpreter_path=" python "
    )
    assert studio.ready(version).python == session.facts["python"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nowhere/python", "There is no /nowhere/python."),
        ("/bin/true", "/bin/true is not a Python interpreter."),
        ("/etc", "/etc cannot be executed: Permission denied."),
    ],
)
def test_an_interpreter_that_is_not_there_is_told_in_a_sentence(
    path: str, said: str, studio: Studio
) -> None:
    version = environment_create(
        user=studio.user, workspace=studio.workspace, name="managed", interpreter_path=path
    )
    state = studio.ensure(version)
    assert isinstance(state, Failed)
    assert state.build is None
    assert f"The environment managed:1 cannot be used on local. {said}" in state.sentence
