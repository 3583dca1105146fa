"""Compute targets as pages: seeing, registering, testing, changing, deleting."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from compute.health import target_health
from compute.models import ComputeTarget
from runs.models import Run
from studio.models import AuditEvent, Workspace
from studio.services import instance_key
from tests.api.conftest import MakeRun
from tests.factories import make_user
from tests.pages.visitor import Visitor
from tests.runs.test_leftovers import lay

Execute = Callable[..., Any]


def test_the_list_has_health_slots_and_queue(
    member: Visitor, make_run: MakeRun, target: ComputeTarget
) -> None:
    make_run()
    make_run(status="running")
    ComputeTarget.objects.filter(pk=target.pk).update(
        health="unreachable", health_reason="connection <refused>"
    )
    page = member.get("/targets/")
    assert "local unreachable connection <refused> 1 of 2 1 local" in page.text


def test_the_page_of_a_target_shows_the_queue_in_its_order(
    member: Visitor, make_run: MakeRun
) -> None:
    late, early, urgent = make_run(name="late"), make_run(name="early"), make_run(name="urgent")
    Run.objects.filter(pk=urgent.pk).update(priority=9)
    page = member.get("/targets/local/")
    text = page.text
    assert "On it now 0 of 2 slots" in text
    assert "Waiting 3, in the order in which they will start" in text
    assert text.index("urgent") < text.index("late") < text.index("early")
    assert late.pk < early.pk


def test_a_run_that_starts_while_the_page_is_read_stands_in_it_once(
    member: Visitor, make_run: MakeRun
) -> None:
    run = make_run(name="ashore")
    moved = []

    def start_after_the_queue_was_read(execute: Execute, sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if '"runs_run"."priority" DESC' in sql and not moved:
            moved.append(Run.objects.filter(pk=run.pk).update(status="preparing"))
        return result

    with connection.execute_wrapper(start_after_the_queue_was_read):
        text = member.get("/targets/local/").text
    assert moved == [1]
    assert "On it now 1 of 2 slots" in text
    assert text.count("ashore") == 1
    assert "The queue is empty." in text


def test_the_owner_registers_a_second_local_target(
    owner: Visitor, target: ComputeTarget, tmp_path: Path
) -> None:
    form = owner.get("/new/target/", {"kind": "local"})
    assert "Register a local target" in form.text
    page = owner.post(
        "/new/target/?kind=local",
        {"name": "second", "root": str(tmp_path / "second"), "slots": "3", "build_slots": "1"},
    )
    assert page.location == "/targets/second/"
    made = ComputeTarget.objects.get(name="second")
    assert (made.slots, made.health) == (3, "ready")
    assert made.facts["cores"]
    assert "second answers:" in owner.get(page.location).text


def test_the_form_of_an_engine_asks_for_its_settings_and_says_what_is_wrong(
    owner: Visitor, target: ComputeTarget, tmp_path: Path
) -> None:
    form = owner.get("/new/target/", {"kind": "docker"})
    assert "Register a Docker target" in form.text
    given = {"name": "engine", "slots": "2", "build_slots": "1", "image": "python:3.12"}
    page = owner.post("/new/target/?kind=docker", given | {"address": "tcp://gpu-1:2376"})
    assert page.status == 422
    assert "anybody who reaches gpu-1:2376 could command the engine" in page.text
    nobody = given | {"address": f"unix://{tmp_path}/docker.sock"}
    page = owner.post("/new/target/?kind=docker", nobody | {"try": "1"})
    assert "does not answer: No such file or directory. Check its address" in page.text
    page = owner.post("/new/target/?kind=docker", nobody)
    assert page.location == "/targets/engine/"
    shown = owner.get(page.location).text
    assert "Kind Docker" in shown
    assert f"Address unix://{tmp_path}/docker.sock" in shown
    assert "Open to all members who may submit" in shown
    assert ComputeTarget.objects.get(name="engine").health == "unreachable"


def test_an_admin_who_is_not_the_owner_registers_no_engine(
    target: ComputeTarget, workspace: Workspace
) -> None:
    admin = Visitor(make_user("dora", workspace=workspace, role="admin"))
    given = {"name": "engine", "slots": "2", "build_slots": "1", "image": "python:3.12"}
    page = admin.post(
        "/new/target/?kind=docker", given | {"address": "unix:///var/run/docker.sock"}
    )
    assert "who reaches a Docker engine can do anything on its machine" in page.text
    assert not ComputeTarget.objects.filter(name="engine").exists()


def test_a_place_can_be_tried_before_it_is_registered(
    owner: Visitor, target: ComputeTarget, tmp_path: Path
) -> None:
    given = {"name": "second", "root": str(tmp_path / "x"), "slots": "3", "build_slots": "1"}
    page = owner.post("/new/target/?kind=local", given | {"try": "1"})
    assert page.status == 200
    assert "The place answers:" in page.text
    assert 'value="second"' in page.html
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'no such module' >&2\nexit 1\n")
    python.chmod(0o755)
    page = owner.post("/new/target/?kind=local", given | {"try": "1", "python": str(python)})
    assert page.status == 422
    assert "The runner cannot work on the target." in page.text
    assert "no such module" in page.text
    assert ComputeTarget.objects.count() == 1


def test_a_change_can_be_tried_before_it_is_saved(
    owner: Visitor, target: ComputeTarget, tmp_path: Path
) -> None:
    given = {"name": "local", "root": str(tmp_path / "x"), "slots": "3", "build_slots": "1"}
    page = owner.post("/targets/local/edit/", given | {"try": "1", "enabled": "on"})
    assert "The place answers:" in page.text
    before = target.config
    target.refresh_from_db()
    assert target.config == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "local"}, "There is a target 'local' already"),
        ({"name": "a b"}, "'a b' cannot name a target"),
        ({"slots": "0"}, "0 slots cannot be kept"),
        ({"slots": "many"}, "Enter a whole number."),
        ({"root": "relative"}, "'relative' is not an absolute path"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    changes: dict[str, str], sentence: str, owner: Visitor, target: ComputeTarget, tmp_path: Path
) -> None:
    given = {"name": "second", "root": str(tmp_path / "x"), "slots": "1", "build_slots": "1"}
    page = owner.post("/new/target/?kind=local", given | changes)
    assert page.status == 422
    assert sentence in page.text
    assert ComputeTarget.objects.count() == 1


def test_a_kind_that_is_not_known_is_refused(owner: Visitor, target: ComputeTarget) -> None:
    page = owner.get("/new/target/", {"kind": "moon"})
    assert page.status == 422
    assert "'moon' is no kind of compute target" in page.text


def test_only_the_owner_is_offered_local_targets(
    owner: Visitor, stranger: Visitor, target: ComputeTarget
) -> None:
    assert "Register a local target" in owner.get("/targets/").text
    assert "Register a local target" not in stranger.get("/targets/").text


def test_editing(owner: Visitor, target: ComputeTarget) -> None:
    assert 'value="local"' in owner.get("/targets/local/edit/").html
    page = owner.post(
        "/targets/local/edit/",
        {"name": "renamed", "root": target.config["root"], "slots": "7", "build_slots": "1",
         "enabled": "on"},
    )  # fmt: skip
    assert page.location == "/targets/renamed/"
    target.refresh_from_db()
    assert target.slots == 7


def test_disabling_and_enabling(owner: Visitor, target: ComputeTarget) -> None:
    owner.post("/targets/local/enable/", {"enabled": "0"})
    assert "disabled" in owner.get("/targets/local/").text
    owner.post("/targets/local/enable/", {"enabled": "1"})
    target.refresh_from_db()
    assert target.enabled


def test_testing_says_what_came_of_it(member: Visitor, target: ComputeTarget) -> None:
    page = member.post("/targets/local/test/")
    assert page.location == "/targets/local/"
    assert "local answers:" in member.get(page.location).text


def test_a_target_with_runs_is_not_deleted(owner: Visitor, run: Run, target: ComputeTarget) -> None:
    page = owner.post("/targets/local/delete/")
    assert page.status == 422
    assert f"run {run.pk}" in page.text
    assert ComputeTarget.objects.filter(pk=target.pk).exists()


def test_deleting_asks_first(owner: Visitor, target: ComputeTarget) -> None:
    assert "Delete local?" in owner.get("/targets/local/delete/").text
    assert owner.post("/targets/local/delete/").location == "/targets/"
    assert not ComputeTarget.objects.exists()


def test_a_target_that_is_not_there_is_not_found(owner: Visitor, target: ComputeTarget) -> None:
    page = owner.get("/targets/lokal/")
    assert page.status == 404
    assert "There is no target 'lokal'" in page.text


def test_who_waits_sees_the_reason_and_the_place(member: Visitor, make_run: MakeRun) -> None:
    ComputeTarget.objects.update(slots=1, monitor_until="2100-01-01T00:00Z")
    make_run(status="running", name="holder")
    make_run(name="second")
    make_run(name="third")
    text = member.get("/targets/local/").text
    assert "holder" in text
    assert re.search(r"1 \d+ second \S", text)
    assert re.search(r"2 \d+ third \S", text)


def test_an_admin_moves_a_run_to_the_top_and_back(
    owner: Visitor, member: Visitor, make_run: MakeRun
) -> None:
    first, second = make_run(name="first"), make_run(name="second", priority=2)
    assert "To the top" not in member.get("/targets/local/").text
    assert member.post(f"/runs/{first.pk}/turn/").status == 403
    page = owner.post(f"/runs/{first.pk}/turn/")
    first.refresh_from_db()
    assert (page.location, first.priority) == ("/targets/local/", 3)
    shown = owner.get("/targets/local/")
    assert f"Run {first.pk} is the next on local. Undo" in shown.text
    assert '<input type="hidden" name="priority" value="0">' in shown.html
    assert shown.text.index("first") < shown.text.index("second")
    owner.post(f"/runs/{first.pk}/turn/", {"priority": "0"})
    first.refresh_from_db()
    assert first.priority == 0
    assert second.priority == 2
    event = first.events.order_by("-pk")[0]
    assert event.text == "Its priority in the queue changed from 3 to 0."


@pytest.mark.parametrize("given", ["", "many", "9999999999999"])
def test_what_is_no_priority_is_refused(given: str, owner: Visitor, run: Run) -> None:
    page = owner.post(f"/runs/{run.pk}/turn/", {"priority": given})
    assert page.status == 422
    assert "is no priority: give a whole number." in page.text


def test_a_run_that_started_meanwhile_is_not_moved(owner: Visitor, make_run: MakeRun) -> None:
    run = make_run(status="running")
    page = owner.post(f"/runs/{run.pk}/turn/")
    assert f"Run {run.pk} does not wait any more: it is running." in page.text


def test_pausing_draining_and_resuming(
    owner: Visitor, member: Visitor, target: ComputeTarget, make_run: MakeRun
) -> None:
    ComputeTarget.objects.update(monitor_until="2100-01-01T00:00Z")
    assert "Pause" not in member.get("/targets/local/").text
    make_run(status="running")
    waits = make_run(name="waits")
    owner.post("/targets/local/pause/", {"wish": "pause"})
    target.refresh_from_db()
    since = target.paused_at
    assert target.paused_by == owner.user
    shown = owner.get("/targets/local/").text
    assert "Paused by owner" in shown
    assert "what waits stays in line. Undo" in shown
    owner.post("/targets/local/pause/", {"wish": "drain"})
    shown = owner.get("/targets/local/").text
    assert "1 run left, nothing new starts." in shown
    Run.objects.exclude(pk=waits.pk).update(status="completed")
    assert "Drained: nothing runs here." in owner.get("/targets/local/").text
    assert "drained" in owner.get("/targets/").text
    target.refresh_from_db()
    assert target.paused_at == since
    owner.post("/targets/local/pause/", {"wish": "resume"})
    target.refresh_from_db()
    assert (target.paused_at, target.draining) == (None, False)
    actions = (
        AuditEvent.objects.exclude(action="target.create")
        .order_by("pk")
        .values_list("action", flat=True)
    )
    assert list(actions) == ["target.pause", "target.drain", "target.resume"]


def test_leftovers_have_a_page_where_an_admin_removes_them(
    owner: Visitor, viewer: Visitor, target: ComputeTarget
) -> None:
    assert "Nothing is left there" in owner.get("/targets/local/leftovers/").text
    first, second = (lay(target, f"{instance_key()}-run-{number}-1") for number in (900, 901))
    assert "/targets/local/leftovers/" in owner.get("/targets/local/").html
    page = viewer.get("/targets/local/leftovers/")
    assert f"folder {first.name}" in page.text
    assert "Run 900 was deleted." in page.text
    assert "Remove all" not in page.text
    shown = owner.get("/targets/local/leftovers/").text
    assert "2 on local" in shown
    owner.post("/targets/local/leftovers/", {"name": f"folder:{first.name}"})
    assert (first.exists(), second.exists()) == (False, True)
    page = owner.post("/targets/local/leftovers/", {"all": "1"})
    assert "1 leftover was removed from local." in owner.get(page.location).text
    assert not second.exists()
    target.config = {"root": "/dev/null/x"}
    target.save()
    assert "cannot be looked at" in owner.get("/targets/local/leftovers/").text


def test_its_health_is_told_over_time_and_live(member: Visitor, target: ComputeTarget) -> None:
    member.post("/targets/local/test/")
    target_health(target=target, reachable=False, reason="The link is down.")
    shown = member.get("/targets/local/")
    assert "Health unreachable since just now " in shown.text
    assert "unreachable just now · The link is down. ready just now" in shown.text
    assert '<rect class="was-ready"' in shown.html
    live = member.get("/targets/local/live/")
    assert 'id="target-health" hx-swap-oob="true"' in live.html
    assert "unreachable The link is down." in live.text


def test_what_an_engine_said_of_itself_and_what_it_lacks(
    member: Visitor, target: ComputeTarget
) -> None:
    engine = {"version": "27.1", "api": "1.46", "system": "Debian", "storage": "vfs",
              "cgroup": "2", "live_restore": False, "rootless": True, "runtimes": ["runc"],
              "platform": "linux/arm64", "containers_running": 1, "images": 3}  # fmt: skip
    facts = {"hostname": "box", "cores": 2, "memory_bytes": 8_000_000_000, "engine": engine,
             "disk_free_bytes": 9, "disk_total_bytes": 10,
             "python_version": "3.12.1", "lacks": ["It cannot limit memory."],
             "hints": ["Turn live-restore on."]}  # fmt: skip
    ComputeTarget.objects.update(kind="docker", facts=facts)
    text = member.get("/targets/local/").text
    for words in ("Docker 27.1, API 1.46, rootless", "Platform linux/arm64", "3 images, 1 running",
                  "control groups v2", "Live restore off", "the engine has no runtime for them",
                  "It cannot limit memory.", "Turn live-restore on."):  # fmt: skip
        assert words in text


def test_how_far_its_image_is(member: Visitor, target: ComputeTarget) -> None:
    told = {"image": "python:3.12", "progress": "2 of 5 layers, 1.0 of 9.0 MB"}
    fields = {"health": "faulty", "health_reason": "It is being fetched.", "image_fetch": told}
    ComputeTarget.objects.update(**fields)
    live = member.get("/targets/local/live/").text
    assert "fetching its image It is being fetched. 2 of 5 layers, 1.0 of 9.0 MB" in live
    ComputeTarget.objects.update(image_fetch={"image": "python:3.12", "error": "No."})
    assert "needs attention" in member.get("/targets/local/live/").text
