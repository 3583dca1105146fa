"""The form of a target: its fields come from the kind, its complaints from the services."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute.backends import KINDS
from compute.forms import TargetForm
from compute.models import ComputeTarget
from studio.lib.refusal import Refused
from studio.models import User, Workspace

FILLED = {"name": "second", "slots": "2", "build_slots": "1", "root": "/tmp/second", "python": ""}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_kind_is_asked_for_with_its_words(kind: str) -> None:
    form = TargetForm(kind=kind)
    for field in KINDS[kind].fields:
        asked = form.fields[field.name]
        assert (asked.label, asked.help_text) == (field.label, field.help)
        assert asked.required == field.is_required


def test_an_unknown_kind_has_no_form() -> None:
    with pytest.raises(Refused, match="mainframe"):
        TargetForm(kind="mainframe")


def test_a_filled_form_registers(alice: User, workspace: Workspace) -> None:
    form = TargetForm(FILLED | {"open_to_members": "on"}, kind="local")
    assert form.is_valid()
    target = form.save(user=alice, workspace=workspace)
    assert target == ComputeTarget.objects.get(name="second")
    assert target is not None
    assert (target.slots, target.open_to_members) == (2, True)
    assert target.config == {"root": "/tmp/second"}


def test_a_refusal_stands_at_its_field(alice: User, workspace: Workspace) -> None:
    form = TargetForm(FILLED | {"root": "not/absolute"}, kind="local")
    assert form.is_valid()
    assert form.save(user=alice, workspace=workspace) is None
    assert "not an absolute path" in form.errors["root"][0]
    assert not ComputeTarget.objects.exists()


def test_a_refusal_without_a_field_stands_above_the_form(bob: User, workspace: Workspace) -> None:
    form = TargetForm(FILLED, kind="local")
    assert form.is_valid()
    assert form.save(user=bob, workspace=workspace) is None
    assert form.non_field_errors()


def test_an_edit_starts_from_the_target_and_changes_it(
    alice: User, workspace: Workspace, target: ComputeTarget, tmp_path: Path
) -> None:
    shown = TargetForm(kind="local", target=target)
    assert shown.get_initial_for_field(shown.fields["root"], "root") == target.config["root"]
    filled = FILLED | {"name": "renamed", "root": str(tmp_path / "moved")}
    form = TargetForm(filled, kind="local", target=target)
    assert form.is_valid()
    assert form.save(user=alice, workspace=workspace) is not None
    target.refresh_from_db()
    assert (target.name, target.enabled) == ("renamed", False)
    assert target.config == {"root": str(tmp_path / "moved")}
