"""Bringing packages up to date: the real uv, packages from a folder."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from environments.interpreter import Interpreter
from environments.lock import lock_pins
from environments.models import Build, EnvironmentVersion, Lock, LockUpdate
from environments.selectors import update_changes, update_get, version_get
from environments.services import (
    environment_archive,
    environment_bootstrap_curated,
    environment_create,
    update_apply,
    update_resolve,
    update_start,
    updates_due,
    version_delete,
)
from environments.services.locks import lock_ensure
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import AuditEvent, User, Workspace
from tests.environments.registry import Registry

MAC = Interpreter("/usr/bin/python3", "3.12.1", "aarch64-apple-darwin")


def lock_for(version: EnvironmentVersion, *interpreters: Interpreter) -> None:
    for interpreter in interpreters:
        lock_ensure(
            version=version, interpreter=interpreter, may_build=False, while_waiting=lambda: None
        )


@pytest.fixture
def version(
    member: User, workspace: Workspace, registry: Registry, interpreter: Interpreter
) -> EnvironmentVersion:
    """Locked for two places, with a newer `core` since."""
    registry.wheel("tool", requires=("core",))
    registry.wheel("core", "1.0")
    version = environment_create(user=member, workspace=workspace, name="mine", requirements="tool")
    lock_for(version, interpreter, MAC)
    registry.wheel("core", "1.1")
    return version


def resolved(member: User, version: EnvironmentVersion) -> LockUpdate:
    update = update_start(user=member, version=version)
    update_resolve(update_id=update.pk)
    return LockUpdate.objects.select_related("version__environment").get(pk=update.pk)


def pins(version: EnvironmentVersion) -> dict[str, list[str]]:
    return {lock.platform: lock_pins(lock.text) for lock in version.locks.order_by("pk")}


def test_what_would_change_is_shown_and_then_exactly_that_is_made(
    version: EnvironmentVersion, member: User, registry: Registry, workspace: Workspace
) -> None:
    update = resolved(member, version)
    assert update.status == "ready"
    changes = [(c.new.platform, c.changes) for c in update_changes(update=update)]
    assert [(p, [(x.name, x.old, x.new) for x in found]) for p, found in changes] == [
        ("x86_64-manylinux_2_36", [("core", "1.0", "1.1")]),
        ("aarch64-apple-darwin", [("core", "1.0", "1.1")]),
    ]
    registry.wheel("core", "1.2")  # comes too late: what was shown is made
    made = update_apply(user=member, update=update)
    assert (str(made), made.updates, made.spec) == ("mine:2", version, version.spec)
    assert pins(made) == {
        "x86_64-manylinux_2_36": ["core==1.1", "tool==1.0"],
        "aarch64-apple-darwin": ["core==1.1", "tool==1.0"],
    }
    assert "core==1.0" in str(pins(version))
    assert update_apply(user=member, update=update) == made
    assert version_get(workspace=workspace, reference="mine") == made
    assert AuditEvent.objects.get().subject == "mine:1 to 2"


def test_registering_the_same_packages_keeps_the_updated_version(
    version: EnvironmentVersion, member: User, workspace: Workspace, interpreter: Interpreter
) -> None:
    made = update_apply(user=member, update=resolved(member, version))
    again = environment_create(user=member, workspace=workspace, name="mine", requirements="tool")
    assert again == made
    lock_for(made, interpreter)
    assert made.locks.count() == 2


def test_nothing_new_makes_no_version(version: EnvironmentVersion, member: User) -> None:
    made = update_apply(user=member, update=resolved(member, version))
    update = resolved(member, made)
    assert [c.changes for c in update_changes(update=update)] == [[], []]
    with pytest.raises(Refused, match="Nothing would change: mine:2 has the newest packages"):
        update_apply(user=member, update=update)


def test_two_who_ask_wait_for_the_same(version: EnvironmentVersion, member: User) -> None:
    first, second = (update_start(user=member, version=version) for _ in range(2))
    assert first == second
    with pytest.raises(Refused, match="still being resolved"):
        update_apply(user=member, update=first)


def test_what_has_no_solution_says_so(
    member: User, workspace: Workspace, registry: Registry, interpreter: Interpreter
) -> None:
    path = registry.folder / "tool-1.0-py3-none-any.whl"
    registry.wheel("tool")
    version = environment_create(user=member, workspace=workspace, name="mine", requirements="tool")
    lock_for(version, interpreter)
    path.unlink()
    update = resolved(member, version)
    assert update.status == "failed"
    assert "tool" in update.error
    with pytest.raises(Refused, match="could not be resolved"):
        update_apply(user=member, update=update)
    assert update_start(user=member, version=version) != update
    assert LockUpdate.objects.count() == 1


def test_a_lost_hint_and_a_dead_worker_are_made_good(
    version: EnvironmentVersion, member: User
) -> None:
    update = update_start(user=member, version=version)
    assert updates_due() == []
    now = timezone.now()
    LockUpdate.objects.update(created_at=now - timedelta(seconds=5))
    assert updates_due() == [update.pk]
    held = {"status": "running", "lease_token": "x" * 32}
    LockUpdate.objects.update(**held, lease_until=now + timedelta(seconds=60))
    assert updates_due() == []
    update_resolve(update_id=update.pk)  # a worker that lives has it
    assert LockUpdate.objects.get().lease_token == "x" * 32
    LockUpdate.objects.update(lease_until=now - timedelta(seconds=1))
    assert updates_due() == [update.pk]
    update_resolve(update_id=update.pk)
    assert LockUpdate.objects.get().status == "ready"
    assert updates_due() == []


def test_who_lost_it_writes_nothing(
    version: EnvironmentVersion, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from environments.services import updates

    def slow(**_: object) -> str:
        LockUpdate.objects.update(lease_token="y" * 32)
        return "core==9\n"

    monkeypatch.setattr(updates, "lock_text", slow)
    update = resolved(member, version)
    assert (update.status, update.locks) == ("running", [])


def test_source_packages_are_built_only_where_they_were(
    version: EnvironmentVersion,
    member: User,
    target: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from environments.services import updates

    asked = []

    def noted(*, may_build: bool, **_: object) -> str:
        asked.append(may_build)
        return ""

    lock = version.locks.order_by("pk")[0]
    Build.objects.create(target=target, version=version, lock=lock, key="k")
    monkeypatch.setattr(updates, "lock_text", noted)
    resolved(member, version)
    assert asked == [True, False]


def test_what_cannot_be_updated_is_refused(member: User, workspace: Workspace) -> None:
    environment_bootstrap_curated(workspace=workspace)
    mine = {"user": member, "workspace": workspace}
    own = environment_create(**mine, name="a", interpreter_path="/p")  # type: ignore[arg-type]
    fresh = environment_create(**mine, name="b", requirements="six")  # type: ignore[arg-type]
    gone = environment_create(**mine, name="c", requirements="six")  # type: ignore[arg-type]
    environment_archive(user=member, environment=gone.environment, is_archived=True)
    for version, said in (
        (version_get(workspace=workspace, reference="minimal"), "is curated"),
        (own, "no packages that Runyard resolves"),
        (fresh, "has no lock yet"),
        (gone, "is archived"),
    ):
        with pytest.raises(Refused, match=said):
            update_start(user=member, version=version)
    assert not LockUpdate.objects.exists()


def test_only_contributors_update(
    version: EnvironmentVersion, member: User, viewer: User, stranger: User
) -> None:
    update = resolved(member, version)
    for user, refusal in ((viewer, Forbidden), (stranger, NotFound)):
        with pytest.raises(refusal):
            update_start(user=user, version=version)
        with pytest.raises(refusal):
            update_apply(user=user, update=update)
    assert update_get(user=viewer, update_id=update.pk) == update
    with pytest.raises(NotFound):
        update_get(user=stranger, update_id=update.pk)
    assert EnvironmentVersion.objects.count() == 1


def test_deleting_the_version_that_was_made_says_what_to_do(
    version: EnvironmentVersion, member: User
) -> None:
    update = resolved(member, version)
    version_delete(user=member, version=update_apply(user=member, update=update))
    with pytest.raises(Refused, match="was deleted: update the packages anew"):
        update_apply(user=member, update=update)
    assert Lock.objects.count() == 2
