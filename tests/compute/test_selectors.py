"""Who sees and may use which target."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from compute.selectors import (
    Occupancy,
    target_get,
    target_list,
    target_occupancy,
    target_pick,
    target_usable,
)
from compute.services import target_create, target_update
from studio.lib.refusal import NotFound, Refused
from studio.models import User, Workspace
from tests.compute.records import make_build, make_run


@pytest.fixture
def second(
    alice: User, workspace: Workspace, target: ComputeTarget, tmp_path: Path
) -> ComputeTarget:
    """Younger than `target`, and for the owner alone."""
    return target_create(
        user=alice,
        workspace=workspace,
        name="another",
        kind="local",
        config={"root": str(tmp_path / "another")},
    )


def test_members_see_the_targets_of_their_workspace_by_name(
    vera: User, charlie: User, workspace: Workspace, target: ComputeTarget, second: ComputeTarget
) -> None:
    assert [t.name for t in target_list(workspace=workspace, user=vera)] == ["another", "local"]
    with pytest.raises(NotFound):
        target_list(workspace=workspace, user=charlie)
    own = charlie.workspaces.get()
    assert list(target_list(workspace=own, user=charlie)) == []


def test_a_target_is_found_by_its_name(
    bob: User, charlie: User, workspace: Workspace, target: ComputeTarget
) -> None:
    assert target_get(workspace=workspace, user=bob, name="local") == target
    with pytest.raises(NotFound):
        target_get(workspace=workspace, user=charlie, name="local")
    with pytest.raises(NotFound, match="none is registered"):
        target_get(workspace=charlie.workspaces.get(), user=charlie, name="local")


def test_an_unknown_name_is_told_with_the_known_ones(
    bob: User, workspace: Workspace, second: ComputeTarget
) -> None:
    with pytest.raises(NotFound, match=r"'gpu-1': there are another, local\."):
        target_get(workspace=workspace, user=bob, name="gpu-1")
    with pytest.raises(NotFound, match="did you mean local"):
        target_get(workspace=workspace, user=bob, name="locl")


def test_a_target_for_the_owner_alone_says_so(
    alice: User, bob: User, second: ComputeTarget
) -> None:
    assert target_usable(user=alice, target=second) == ""
    assert "open to the instance owner alone" in target_usable(user=bob, target=second)
    target_update(user=alice, target=second, open_to_members=True)
    second.refresh_from_db()
    assert target_usable(user=bob, target=second) == ""


def test_a_disabled_or_unknown_target_says_so(alice: User, target: ComputeTarget) -> None:
    target.enabled = False
    assert "is disabled" in target_usable(user=alice, target=target)
    target.enabled, target.kind = True, "mainframe"
    assert "'mainframe'" in target_usable(user=alice, target=target)


def test_a_named_target_is_picked_or_refused(
    bob: User, workspace: Workspace, target: ComputeTarget, second: ComputeTarget
) -> None:
    assert target_pick(workspace=workspace, user=bob, name="local") == target
    with pytest.raises(Refused, match="instance owner alone") as refusal:
        target_pick(workspace=workspace, user=bob, name="another")
    assert refusal.value.field == "target"


def test_without_a_name_the_oldest_usable_is_picked(
    alice: User, bob: User, workspace: Workspace, target: ComputeTarget, second: ComputeTarget
) -> None:
    assert target_pick(workspace=workspace, user=alice, name="") == target
    target_update(user=alice, target=target, enabled=False)
    assert target_pick(workspace=workspace, user=alice, name="") == second
    with pytest.raises(Refused, match=r"is disabled.*owner alone"):
        target_pick(workspace=workspace, user=bob, name="")


def test_without_any_target_that_is_said(charlie: User) -> None:
    with pytest.raises(Refused, match="no compute target yet"):
        target_pick(workspace=charlie.workspaces.get(), user=charlie, name="")


def test_occupancy_counts_what_holds_a_slot_and_what_waits(
    target: ComputeTarget, second: ComputeTarget
) -> None:
    for status in ("queued", "queued", "preparing", "running", "finalizing"):
        make_run(target, status=status)
    make_run(target, status="completed", ended_at=timezone.now())
    make_run(second, status="running")
    make_build(target, status="running")
    make_build(target, status="ready", ended_at=timezone.now())
    assert target_occupancy(target=target) == Occupancy(
        slots=2, busy=3, queued=2, building=1, lent={}
    )
