"""Getting in touch with targets and what is noted of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from compute import health
from compute.backends import LOCAL
from compute.health import target_health
from compute.healthline import target_healthline
from compute.models import ComputeTarget, HealthChange
from compute.services import target_test, target_update
from studio.models import User
from tests.waiting import eventually

Health = ComputeTarget.Health


def note(target: ComputeTarget, *, reachable: bool, reason: str = "") -> None:
    target_health(target=target, reachable=reachable, reason=reason)
    target.refresh_from_db()


def test_a_target_that_answers_is_ready_with_its_facts(target: ComputeTarget) -> None:
    facts = target_test(target=target)
    target.refresh_from_db()
    assert target.health == Health.READY
    assert target.health_reason == ""
    assert target.health_at is not None
    assert target.facts == facts
    assert facts["root"] == target.config["root"]


def test_a_target_that_cannot_work_needs_attention_and_says_what_next(
    target: ComputeTarget, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    target.config = {"root": str(tmp_path / "file" / "root")}
    assert target_test(target=target) == {}
    assert target.health == Health.FAULTY
    assert "NotADirectoryError" in target.health_reason
    assert "Check its folder and interpreter" in target.health_reason


def test_a_target_of_an_unknown_kind_needs_attention(target: ComputeTarget) -> None:
    target.kind = "mainframe"
    assert target_test(target=target) == {}
    assert target.health == Health.FAULTY
    assert "mainframe" in target.health_reason


def test_a_target_that_does_not_answer_is_unreachable(
    target: ComputeTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compute.contact.CONTACT_S", 0.2)
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 600\n")
    silent.chmod(0o755)
    target.config = {**target.config, "python": str(silent)}
    assert target_test(target=target) == {}
    assert target.health == Health.UNREACHABLE
    assert target.unreachable_since is not None


def test_unreachable_since_is_the_first_failure_and_ends_with_an_answer(
    target: ComputeTarget,
) -> None:
    note(target, reachable=False, reason="The link is down.")
    since, first_at = target.unreachable_since, target.health_at
    assert since is not None
    assert (target.health, target.health_reason) == (Health.UNREACHABLE, "The link is down.")

    def later() -> bool:
        note(target, reachable=False, reason="Still down.")
        return target.health_at != first_at

    eventually(later)
    assert target.unreachable_since == since
    assert target.health_reason == "Still down."
    note(target, reachable=True)
    assert target.unreachable_since is None
    assert (target.health, target.health_reason) == (Health.READY, "")


def test_little_space_is_told_and_stays_told_until_a_test_finds_more(
    target: ComputeTarget,
) -> None:
    facts = {"root": "/srv/x", "disk_free_bytes": 30 * 1024**2}
    target_health(target=target, reachable=True, facts=facts)
    assert target.health == Health.FAULTY
    assert "30 MiB are free under /srv/x" in target.health_reason
    note(target, reachable=True)
    assert target.health == Health.FAULTY
    note(target, reachable=False, reason="down")
    note(target, reachable=True)
    assert target.health == Health.FAULTY
    target_test(target=target)
    assert target.health == Health.READY


def test_the_fields_named_in_the_advice_are_those_of_the_kind() -> None:
    assert [field.label for field in LOCAL.fields] == ["Folder", "Interpreter"]


def test_each_change_is_remembered_once(target: ComputeTarget, alice: User, tmp_path: Path) -> None:
    for reachable in (False, False, True, True, False):
        note(target, reachable=reachable, reason="" if reachable else "The link is down.")
    target_update(user=alice, target=target, config={"root": str(tmp_path / "else")})
    changes = target_healthline(target=target).changes
    assert [(change.health, change.reason) for change in changes] == [
        ("unknown", ""),
        ("unreachable", "The link is down."),
        ("ready", ""),
        ("unreachable", "The link is down."),
    ]


def test_the_oldest_changes_are_forgotten(
    target: ComputeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_KEPT", 2)
    for reachable in (True, False, True, False):
        note(target, reachable=reachable)
    assert [change.health for change in target.health_changes.all()] == ["unreachable", "ready"]


def test_the_last_day_as_stretches(target: ComputeTarget) -> None:
    for state, hours in (("ready", 48), ("unreachable", 12), ("ready", 6)):
        at = timezone.now() - timedelta(hours=hours)
        HealthChange.objects.create(target=target, health=state, at=at)
    line = target_healthline(target=target)
    drawn = [(each.health, round(each.at, 2), round(each.width, 2)) for each in line.stretches]
    assert drawn == [("ready", 0.0, 0.5), ("unreachable", 0.5, 0.25), ("ready", 0.75, 0.25)]
    assert line.answered == "75.0 %"


def test_a_target_that_nobody_looked_at_has_no_line(target: ComputeTarget) -> None:
    line = target_healthline(target=target)
    assert (line.stretches, line.since, line.answered) == ([], None, "")
