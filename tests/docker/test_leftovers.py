"""What was left on a real engine: found by its labels, removed, and never what is another's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from compute.containers import Site
from compute.images import EngineImages
from compute.models import ComputeTarget
from compute.services import target_delete, target_place
from compute.session import session_for
from environments.models import Build
from runs.models import Attempt
from runs.services import finish, leftovers
from runs.services.leftovers import leftovers_clean, leftovers_find
from runs.services.retention import run_purge
from runs.states import EndReason, Status
from studio.models import User
from studio.services import instance_key
from tests.compute.records import make_run
from tests.docker.engine import IMAGE, DockerEngine
from tests.docker.workshop import VOLUME, Workshop

pytestmark = pytest.mark.django_db


@pytest.fixture
def workshop(
    workspace: Any, engine: DockerEngine, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Workshop:
    monkeypatch.setattr(leftovers, "_SETTLED", timedelta())
    return Workshop(workspace, engine, data_dir)


def site_of(target: ComputeTarget) -> Site:
    images = target_place(target=target).images
    assert images is not None
    return images.site


def contain(site: Site, task: str, *, seconds: int) -> str:
    """A container as that of a task is, for so long: its name."""
    name = site.container_name(task)
    labels = {**site.labels("run"), "runyard.task": task}
    site.create(name, command=["sleep", str(seconds)], labels=labels)
    site.start(name)
    return name


def test_what_belongs_to_nothing_goes_and_what_is_anothers_stays(
    workshop: Workshop, engine: DockerEngine, alice: User
) -> None:
    ours, target, api = instance_key(), workshop.target, engine.api
    gone = ComputeTarget.objects.create(
        workspace=workshop.workspace, name="gone", kind="docker",
        config={**target.config, "volume": "former"},
    )  # fmt: skip
    for one in (target, gone):
        with session_for(target_place(target=one)) as session:
            session.prepare(f"{ours}-run-900-1", {"protocol": 1, "argv": ["true"], "cwd": "."})
    site, former = site_of(target), site_of(gone)
    another = replace(site, owner="another")
    labels = EngineImages(former).labels("e" * 64)
    workshop.image(IMAGE, {"x": b"x"}, f"runyard/env:{'e' * 64}", Labels=labels)
    theirs = EngineImages(replace(former, owner="another")).labels("d" * 64)
    workshop.image(IMAGE, {"x": b"x"}, f"runyard/env:{'d' * 64}", Labels=theirs)
    api.create_volume("theirs", labels={"runyard": "theirs", "runyard.instance": "another"})
    dead = contain(site, f"{ours}-run-901-1", seconds=0)
    api.wait(dead)
    living = contain(site, f"{ours}-run-902-1", seconds=600)
    run = make_run(target, status=Status.RUNNING)
    busy = contain(site, f"{ours}-run-{run.pk}-1", seconds=600)
    Attempt.objects.create(run=run, folder=f"{ours}-run-{run.pk}-1")
    foreign = contain(another, "another-run-900-1", seconds=0)
    target_delete(user=alice, target=gone)

    found = {one.mark: one for one in leftovers_find(user=alice, target=target)}
    assert set(found) == {
        f"folder:{ours}-run-900-1",
        f"container:{dead}",
        f"container:{living}",
        f"container:{former.helper_name}",
        f"image:runyard/env:{'e' * 64}",
        "volume:former",
    }
    assert found["volume:former"].why == "No target uses the volume former any more."
    assert found[f"container:{living}"].is_alive
    assert all(one.bytes is not None for one in found.values())
    assert (found["volume:former"].bytes or 0) > 0

    cleaned = leftovers_clean(user=alice, target=target)
    assert [(one.mark, why) for one, why in cleaned.kept] == [
        (f"container:{living}",
         f"It still runs: end it with 'docker stop {living}', then clean again.")
    ]  # fmt: skip
    assert len(cleaned.removed) == 5
    names = {name.lstrip("/") for c in api.containers(all=True) for name in c["Names"]}
    assert names >= {living, busy, foreign, site.helper_name}
    assert {dead, former.helper_name}.isdisjoint(names)
    volumes = {volume["Name"] for volume in api.volumes()["Volumes"]}
    assert volumes >= {VOLUME, "theirs"}
    assert "former" not in volumes
    assert EngineImages(site).built("d" * 64)
    assert not EngineImages(site).built("e" * 64)
    for name in (living, busy, foreign):
        api.remove_container(name, force=True)
    assert leftovers_find(user=alice, target=target) == []


def test_a_run_that_lost_its_folder_leaves_no_container_that_goes_on(
    workshop: Workshop, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(finish, "enqueue", lambda *words: asked.append(words))
    monkeypatch.setattr(finish, "push", lambda *words: None)
    run = make_run(workshop.target, status=Status.RUNNING)
    task = f"{instance_key()}-run-{run.pk}-1"
    attempt = Attempt.objects.create(run=run, folder=task)
    contain(site_of(workshop.target), task, seconds=600)
    finish.attempt_release(attempt_id=attempt.pk)
    assert workshop.containers("run"), "it is not over yet"
    finish.attempt_lost(attempt=attempt, text="The run's folder is gone from the target.")
    assert ("runs.jobs.release", attempt.pk) in asked
    finish.attempt_release(attempt_id=attempt.pk)
    assert not workshop.containers("run")
    run.refresh_from_db()
    assert (run.status, run.end_reason) == (Status.FAILED, EndReason.TARGET_LOST)
    assert run.error.startswith("The run's folder is gone from its target, so nobody can know")


def test_deleting_a_run_clears_its_folder_and_its_container(
    workshop: Workshop, engine: DockerEngine, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.services.retention.push", lambda *words: None)
    target, ours = workshop.target, instance_key()
    run = make_run(target, status=Status.COMPLETED)
    task = f"{ours}-run-{run.pk}-1"
    Attempt.objects.create(run=run, folder=task)
    with session_for(target_place(target=target)) as session:
        session.prepare(task, {"protocol": 1, "argv": ["true"], "cwd": "."})
        assert list(session.tasks(f"{ours}-")) == [task]
        name = contain(site_of(target), task, seconds=0)
        engine.api.wait(name)
        run_purge(user=alice, run=run)
        assert session.tasks(f"{ours}-") == {}
    assert not engine.api.containers(all=True, filters={"name": name})
    assert not Build.objects.exists()
