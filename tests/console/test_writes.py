"""Whatever is tried in the console, statuses are written by the engine's own functions alone."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model

from compute.models import ComputeTarget
from environments.models import Build
from runs.models import Run
from studio.models import ApiToken, LoginLink, Membership, User, Workspace
from tests.api.conftest import MakeRun
from tests.console.conftest import MODELS, Console, admin_of

_STATUS = re.compile(
    r'(INSERT INTO|UPDATE|DELETE FROM) "(runs_run|environments_build)"(.*)', re.DOTALL
)
LAWFUL = {
    ("UPDATE", "runs_run"): ("runs/services/move.py", "run_move"),
    ("INSERT INTO", "runs_run"): ("runs/services/again.py", "run_again"),
    ("DELETE FROM", "runs_run"): ("runs/services/retention.py", "run_purge"),
    ("UPDATE", "environments_build"): ("environments/services/builds.py", "_move"),
}
"""Who alone may write what, by file and function."""
WRITTEN_HERE = {"User", "Workspace", "Membership"}
TAKEN_AWAY_HERE = {"ApiToken", "LoginLink", "Membership", "User"}


@pytest.fixture
def writes(db: None) -> Iterator[list[str]]:
    """Each statement that makes, ends or moves a run or a build and came from elsewhere."""
    offences: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        found = _STATUS.match(sql)
        if found and (found[1] != "UPDATE" or '"status" =' in found[3].partition("WHERE")[0]):
            file, function = LAWFUL.get((found[1], found[2]), ("", ""))
            if not any(
                frame.name == function and frame.filename.endswith(file)
                for frame in traceback.extract_stack()
            ):
                offences.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield offences


def values(model: type[Model], world: list[Model]) -> dict[str, Any]:
    """Something to write into every field that there is, as a form would send it."""
    made: dict[str, Any] = {"status": "completed", "end_reason": "exited_zero", "_save": "Save"}
    for field in model._meta.fields:
        if field.is_relation:
            other = next(record for record in world if type(record) is field.related_model)
            made[field.name] = other.pk
        elif field.choices:
            made[field.name] = field.choices[-1][0]
        else:
            made[field.name] = "9"
        made |= {f"{field.name}_0": "2026-01-01", f"{field.name}_1": "00:00:00"}
    return made


def test_the_watch_sees_a_foreign_hand(told: Run, writes: list[str]) -> None:
    Run.objects.filter(pk=told.pk).update(name="other")
    assert writes == []
    Run.objects.filter(pk=told.pk).update(status="queued")
    assert len(writes) == 1


def test_every_write_is_tried(
    console: Console, world: list[Model], make_run: MakeRun, writes: list[str]
) -> None:
    queued = make_run()
    Build.objects.filter(status="ready").update(status="running")
    writes.clear()  # that was the test's own hand
    made, changed, gone = set(), set(), set()
    for record in [*world, queued]:
        model, name = type(record), type(record).__name__
        count = model._default_manager.count()
        data = values(model, world)
        path = console.address(model, record.pk)
        if console.visitor.post(console.address(model, "add"), data).status != 403:
            made.add(name)
        if console.visitor.post(f"{path}change/", data).status != 403:
            changed.add(name)
        for action in ("delete_selected", *_actions(model)):
            for sure in ({}, {"post": "yes", "sure": "1"}):
                console.visitor.post(
                    console.address(model),
                    {"action": action, "_selected_action": [record.pk]} | sure,
                )
        console.visitor.post(f"{path}delete/", {"post": "yes"})
        if model._default_manager.filter(pk=record.pk).exists():
            assert model._default_manager.count() >= count, name
        else:
            gone.add(name)
    assert writes == []
    assert made == changed == WRITTEN_HERE
    # runs go by their own service, and with them what hangs on them
    of_a_run = {"Run", "Attempt", "RunEvent", "GpuLoan", "Artifact", "Delivery"}
    of_a_run |= {"MetricSeries", "MetricChunk", "RunParam"}
    assert gone - of_a_run == TAKEN_AWAY_HERE - {"User"}
    assert Workspace.objects.exists()
    assert User.objects.filter(is_superuser=True).exists()


def _actions(model: type[Model]) -> list[str]:
    return [name for name in admin_of(model).actions or () if isinstance(name, str)]


def test_a_status_sent_along_changes_nothing(
    console: Console, world: list[Model], make_run: MakeRun
) -> None:
    run = make_run()
    for model in (Run, Build):
        record = run if model is Run else model._default_manager.get()
        before = model._default_manager.filter(pk=record.pk).values().get()
        path = console.address(model, record.pk, "change")
        assert console.visitor.post(path, values(model, world)).status == 403
        assert model._default_manager.filter(pk=record.pk).values().get() == before


def test_no_console_page_edits_what_the_engine_writes() -> None:
    """The structure behind it: what can be written at all is people, and nothing in lists."""
    request: Any = type("Request", (), {"user": User(is_superuser=True, is_active=True)})()
    for model in MODELS:
        model_admin: Any = admin_of(model)
        assert not model_admin.list_editable, model
        name = model.__name__
        assert model_admin.has_add_permission(request) is (name in WRITTEN_HERE), name
        assert model_admin.has_change_permission(request) is (name in WRITTEN_HERE), name
        assert model_admin.has_delete_permission(request) is (name in TAKEN_AWAY_HERE), name
        for inline in model_admin.get_inline_instances(request):
            assert not inline.has_change_permission(request), name
            assert not inline.has_add_permission(request, None), name
            assert not inline.has_delete_permission(request), name


def test_an_owner_is_not_deleted(console: Console, alice: User, bob: User) -> None:
    assert console.visitor.post(f"/admin/studio/user/{alice.pk}/delete/").status == 403
    data = {"action": "delete_selected", "_selected_action": [alice.pk, bob.pk], "post": "yes"}
    console.visitor.post("/admin/studio/user/", data)
    assert User.objects.filter(pk=alice.pk).exists()
    console.visitor.post(f"/admin/studio/user/{bob.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=bob.pk).exists()


def test_people_are_written(console: Console, bob: User, workspace: Workspace) -> None:
    membership = Membership.objects.get(user=bob)
    data = {"user": bob.pk, "workspace": workspace.pk, "role": "viewer"}
    page = console.visitor.post(f"/admin/studio/membership/{membership.pk}/change/", data)
    assert page.status == 302
    membership.refresh_from_db()
    assert membership.role == "viewer"
    data = {"username": "bob", "email": "bob@example.org", "is_active": "on"}
    assert console.visitor.post(f"/admin/studio/user/{bob.pk}/change/", data).status == 302
    bob.refresh_from_db()
    assert bob.email == "bob@example.org"


@pytest.mark.parametrize("model", [ApiToken, LoginLink])
def test_a_key_is_taken_away(model: type[Model], console: Console, world: list[Model]) -> None:
    record = next(record for record in world if type(record) is model)
    console.visitor.post(console.address(model, record.pk, "delete"), {"post": "yes"})
    assert not model._default_manager.exists()


class TestActions:
    def test_cancel(self, console: Console, make_run: MakeRun, told: Run) -> None:
        queued, running = make_run(), make_run(status="running")
        assert console.act(Run, "cancel", queued, running) == ["2 runs asked to end, 0 refused."]
        queued.refresh_from_db()
        running.refresh_from_db()
        assert (queued.status, queued.end_reason) == ("canceled", "canceled_by_user")
        assert running.cancel_requested_at is not None
        assert queued.canceled_by == console.visitor.user

    def test_run_again(self, console: Console, told: Run, target: ComputeTarget) -> None:
        assert console.act(Run, "again", told) == ["1 run queued again, 0 refused."]
        new = Run.objects.latest("pk")
        assert (new.status, new.snapshot, new.command) == ("queued", told.snapshot, told.command)
        ComputeTarget.objects.filter(pk=target.pk).update(enabled=False)
        said = console.act(Run, "again", told, new)
        assert said[0] == "0 runs queued again, 2 refused."
        assert [line.split(":")[0] for line in said[1:]] == [f"Run {new.pk}", f"Run {told.pk}"]
        assert all("local is disabled" in line for line in said[1:])

    def test_requeue(self, console: Console, told: Run, make_run: MakeRun) -> None:
        said = console.act(Run, "wake", told, make_run())
        assert said == [
            "1 run woken, 1 refused.",
            f"Run {told.pk} is completed: nothing of it waits. Run it again instead.",
        ]

    def test_archive(self, console: Console, told: Run) -> None:
        assert console.act(Run, "archive", told) == ["1 run archived, 0 refused."]
        told.refresh_from_db()
        assert told.archived_at is not None
        assert console.act(Run, "unarchive", told) == ["1 run shown in lists again, 0 refused."]

    def test_delete_asks_first(self, console: Console, told: Run, make_run: MakeRun) -> None:
        live = make_run()
        data = {"action": "delete", "_selected_action": [told.pk, live.pk]}
        page = console.visitor.post("/admin/runs/run/", data)
        assert page.status == 200
        assert "2 runs would go for ever" in page.text
        assert Run.objects.count() == 2
        assert console.act(Run, "delete", told, live, sure="1") == [
            "1 run deleted, 1 refused.",
            f"Run {live.pk} is queued: cancel it and wait for its end, then delete it.",
        ]
        assert Run.objects.get() == live

    def test_drain_and_undrain(self, console: Console, target: ComputeTarget) -> None:
        said = console.act(ComputeTarget, "drain", target)
        assert said == ["1 compute target drained, 0 refused."]
        target.refresh_from_db()
        assert target.paused_at
        assert (target.draining, target.enabled) == (True, True)
        console.act(ComputeTarget, "undrain", target)
        target.refresh_from_db()
        assert (target.paused_at, target.draining) == (None, False)

    def test_cancel_a_build(self, console: Console, build: Build) -> None:
        Build.objects.filter(pk=build.pk).update(status="queued")
        assert console.act(Build, "cancel", build) == ["1 build asked to end, 0 refused."]
        build.refresh_from_db()
        assert build.status == "canceled"

    def test_too_many_at_once_do_nothing(self, console: Console, make_run: MakeRun) -> None:
        first = make_run()
        for _ in range(200):
            make_run()
        said = console.act(Run, "cancel", first, select_across="1")
        assert said[0].startswith("More than 200 were chosen, so nothing was done")
        assert not Run.objects.exclude(status="queued").exists()

    def test_every_action_of_ours_is_tried_here(self) -> None:
        known = {name for model in MODELS for name in _actions(model)}
        assert known == {
            "cancel", "again", "wake", "archive", "unarchive", "delete", "drain", "undrain",
        }  # fmt: skip
        assert set(dict(admin.site.actions)) == {"delete_selected"}
