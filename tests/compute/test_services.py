"""Registering, changing and forgetting targets: what is right is kept, what is wrong is told."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from compute.models import ComputeTarget
from compute.services import (
    target_bootstrap_local,
    target_create,
    target_delete,
    target_place,
    target_update,
)
from compute.transports.base import TargetRefused
from compute.transports.local import own_python
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import AuditEvent, Role, User, Workspace
from tests.compute.records import make_build, make_run
from tests.factories import make_user


@pytest.fixture
def admin(workspace: Workspace) -> User:
    """An admin of the workspace who does not own the instance."""
    return make_user("adam", workspace=workspace, role=Role.ADMIN)


def create(user: User, workspace: Workspace, **more: Any) -> ComputeTarget:
    values: dict[str, Any] = {"name": "second", "kind": "local", "config": {"root": "/tmp/second"}}
    return target_create(user=user, workspace=workspace, **(values | more))


def refusal_of(user: User, workspace: Workspace, **more: Any) -> Refused:
    before = ComputeTarget.objects.count()
    with pytest.raises(Refused) as refusal:
        create(user, workspace, **more)
    assert ComputeTarget.objects.count() == before
    return refusal.value


def test_a_target_is_registered_as_it_was_described(
    alice: User, workspace: Workspace, tmp_path: Path
) -> None:
    made = create(
        alice, workspace, config={"root": f" {tmp_path}/new/root ", "python": ""}, slots=3
    )
    target = ComputeTarget.objects.get(pk=made.pk)
    assert (target.name, target.kind, target.slots) == ("second", "local", 3)
    assert target.config == {"root": f"{tmp_path}/new/root"}
    assert target.health == ComputeTarget.Health.UNKNOWN
    assert not target.open_to_members
    assert target.created_by == alice
    assert AuditEvent.objects.get(action="target.create").subject == "second"


@pytest.mark.parametrize("name", ["", "-x", "a b", "ä", "a/b", "x" * 65, ".", "a\n"])
def test_a_name_that_cannot_stand_in_an_address_is_refused(
    alice: User, workspace: Workspace, name: str
) -> None:
    refusal = refusal_of(alice, workspace, name=name)
    assert refusal.field == "name"
    assert "letters, digits" in refusal.sentence


def test_a_taken_name_is_refused(alice: User, workspace: Workspace) -> None:
    create(alice, workspace)
    refusal = refusal_of(alice, workspace)
    assert refusal.field == "name"
    assert "already" in refusal.sentence


@pytest.mark.parametrize("slots", [0, -1, 1001])
@pytest.mark.parametrize("field", ["slots", "build_slots"])
def test_slots_out_of_range_are_refused(
    alice: User, workspace: Workspace, field: str, slots: int
) -> None:
    refusal = refusal_of(alice, workspace, **{field: slots})
    assert refusal.field == field
    assert str(slots) in refusal.sentence


def test_an_unknown_kind_is_refused_with_the_known_ones(alice: User, workspace: Workspace) -> None:
    refusal = refusal_of(alice, workspace, kind="mainframe")
    assert refusal.field == "kind"
    assert "local" in refusal.sentence


@pytest.mark.parametrize(
    ("config", "field", "told"),
    [
        ({}, "root", "missing"),
        ({"root": ""}, "root", "missing"),
        ({"root": "data/x"}, "root", "not an absolute path"),
        ({"root": "/tmp/../etc"}, "root", "not an absolute path"),
        ({"root": "/etc/passwd"}, "root", "not a folder"),
        ({"root": "/etc/passwd/x"}, "root", "not a folder"),
        ({"root": 7}, "root", "must be text"),
        ({"root": "/tmp/x", "python": "python3"}, "python", "not an absolute path"),
        ({"root": "/tmp/x", "python": "/opt/none/python3"}, "python", "no interpreter"),
        ({"root": "/tmp/x", "python": "/etc/passwd"}, "python", "no interpreter"),
        ({"root": "/tmp/x", "colour": "red"}, "colour", "no setting"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_its_name(
    alice: User, workspace: Workspace, config: dict[str, object], field: str, told: str
) -> None:
    refusal = refusal_of(alice, workspace, config=config)
    assert refusal.field == field
    assert told in refusal.sentence


def test_a_root_where_we_may_not_write_is_refused(
    alice: User, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compute.backends.os.access", lambda *_: False)  # root may everywhere
    assert "may not write" in refusal_of(alice, workspace, config={"root": "/usr/x"}).sentence


def test_only_the_owner_registers_a_target_with_the_studios_rights(
    admin: User, bob: User, charlie: User, workspace: Workspace
) -> None:
    with pytest.raises(Forbidden, match="instance owner"):
        create(admin, workspace)
    with pytest.raises(Forbidden, match="admin"):
        create(bob, workspace)
    with pytest.raises(NotFound):
        create(charlie, workspace)


def test_only_the_owner_opens_it_to_others(admin: User, alice: User, target: ComputeTarget) -> None:
    with pytest.raises(Forbidden, match="instance owner"):
        target_update(user=admin, target=target, open_to_members=True)
    with pytest.raises(Forbidden, match="instance owner"):
        target_delete(user=admin, target=target)


def test_an_update_changes_what_is_given_and_nothing_else(
    alice: User, target: ComputeTarget
) -> None:
    config = dict(target.config)
    target_update(user=alice, target=target, slots=5, enabled=False)
    target.refresh_from_db()
    assert (target.slots, target.enabled) == (5, False)
    assert (target.name, target.config, target.open_to_members) == ("local", config, True)
    target_update(user=alice, target=target, name="here", enabled=True, open_to_members=False)
    target.refresh_from_db()
    assert (target.name, target.enabled, target.open_to_members) == ("here", True, False)


def test_an_update_does_not_undo_what_the_monitor_wrote(alice: User, target: ComputeTarget) -> None:
    stale = ComputeTarget.objects.get(pk=target.pk)
    ComputeTarget.objects.filter(pk=target.pk).update(monitor_token="m1", facts={"cores": 2})
    target_update(user=alice, target=stale, slots=4)
    target.refresh_from_db()
    assert (target.monitor_token, target.facts) == ("m1", {"cores": 2})


def test_an_update_is_checked_like_a_registration(alice: User, target: ComputeTarget) -> None:
    for changes in ({"name": "a b"}, {"slots": 0}, {"config": {"root": "x"}}):
        with pytest.raises(Refused):
            target_update(user=alice, target=target, **changes)  # type: ignore[arg-type]


def test_a_target_does_not_move_under_live_runs(
    alice: User, target: ComputeTarget, tmp_path: Path
) -> None:
    run = make_run(target, status="running")
    build = make_build(target)
    elsewhere = {"root": str(tmp_path / "elsewhere")}
    with pytest.raises(Refused, match="2 of its runs and builds"):
        target_update(user=alice, target=target, config=elsewhere)
    target_update(user=alice, target=target, config=target.config, slots=3)
    for record in (run, build):
        record.ended_at = record.created_at
        record.save()
    ComputeTarget.objects.filter(pk=target.pk).update(health="ready", facts={"cores": 2})
    moved = target_update(user=alice, target=target, config=elsewhere)
    assert (moved.config, moved.health, moved.facts) == (elsewhere, "unknown", {})


def test_a_target_that_runs_used_is_not_deleted(alice: User, target: ComputeTarget) -> None:
    runs = [make_run(target) for _ in range(4)]
    with pytest.raises(Refused) as refusal:
        target_delete(user=alice, target=target)
    for run in runs[1:]:
        assert f"run {run.pk}" in refusal.value.sentence
    assert "and more" in refusal.value.sentence
    assert ComputeTarget.objects.filter(pk=target.pk).exists()


def test_an_unused_target_is_forgotten(alice: User, target: ComputeTarget) -> None:
    make_build(target)
    target_delete(user=alice, target=target)
    assert not ComputeTarget.objects.exists()
    assert AuditEvent.objects.get(action="target.delete").subject == "local"


def test_the_first_target_is_this_machine_for_the_owner(
    alice: User, workspace: Workspace, data_dir: Path
) -> None:
    target = target_bootstrap_local(workspace=workspace, user=alice)
    assert (target.name, target.kind, target.build_slots) == ("local", "local", 1)
    assert target.slots == len(os.sched_getaffinity(0))
    assert target.config == {"root": str(data_dir / "targets" / "local")}
    assert target.enabled
    assert not target.open_to_members
    target_update(user=alice, target=target, slots=7)
    assert target_bootstrap_local(workspace=workspace, user=alice).slots == 7


def test_the_place_of_a_local_target_shares_the_studios_blobs(
    target: ComputeTarget, data_dir: Path
) -> None:
    place = target_place(target=target)
    assert place == target_place(target=ComputeTarget.objects.get(pk=target.pk))
    assert place.blobs == str(data_dir / "blobs")
    assert place.root == target.config["root"]
    assert place.python == own_python()
    assert not re.search(r"venv", place.python)


def test_an_interpreter_may_be_chosen(alice: User, target: ComputeTarget) -> None:
    config = {**target.config, "python": "/usr/bin/env"}
    moved = target_update(user=alice, target=target, config=config)
    assert target_place(target=moved).python == "/usr/bin/env"


def test_a_kind_of_a_later_version_has_no_place(target: ComputeTarget) -> None:
    ComputeTarget.objects.filter(pk=target.pk).update(kind="mainframe")
    target.refresh_from_db()
    with pytest.raises(TargetRefused, match="mainframe"):
        target_place(target=target)
