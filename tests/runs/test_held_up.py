"""A run that something on its target keeps from going on says so, and ends all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from environments.models import Build
from environments.services.settling import _note_held_up as _note_of_build
from runs.models import Run
from runs.selectors.waiting import run_waiting
from runs.services.finish import _note_held_up
from runs.services.move import runs_wake
from runs.services.sweep import _due
from runs.states import Status
from tests.compute.records import make_build, make_run

SENTENCE = "Its container is paused on the engine: 'docker unpause x' there lets it go on."
pytestmark = pytest.mark.django_db


def sentence(run: Run) -> str:
    return run_waiting(run=Run.objects.select_related("target").get(pk=run.pk))


def test_it_says_so_once_and_until_it_goes_on(target: ComputeTarget) -> None:
    run = make_run(target, status=Status.RUNNING)
    for said in (SENTENCE, SENTENCE, "", ""):
        _note_held_up(run.pk, said)
        assert sentence(run) == said
    told = run.events.filter(kind="held_up").values_list("text", flat=True)
    assert list(told) == [SENTENCE, "Nothing holds it up any more."]


def test_a_target_that_does_not_answer_comes_first_and_an_end_last(target: ComputeTarget) -> None:
    run = make_run(target, status=Status.RUNNING, held_up=SENTENCE)
    ComputeTarget.objects.update(unreachable_since=timezone.now())
    assert "unreachable since" in sentence(run)
    Run.objects.update(status=Status.FAILED)
    assert sentence(run) == ""


def test_a_run_says_that_the_build_it_waits_for_is_held_up(
    target: ComputeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[object] = []
    monkeypatch.setattr("runs.selectors.waiting._studio_trouble", lambda target: "")
    monkeypatch.setattr("runs.services.move.push", lambda groups, message: woken.extend(groups))
    build = make_build(target, status=Build.Status.RUNNING)
    run = make_run(target, status=Status.PREPARING, build=build)
    make_run(target, status=Status.RUNNING, build=build)
    assert _note_of_build(build.pk, SENTENCE)
    assert not _note_of_build(build.pk, SENTENCE)
    runs_wake(build_id=build.pk)
    assert sentence(run) == (
        f"It waits for build {build.pk} of minimal:1, which does not go on. {SENTENCE}"
    )
    assert woken == [f"run.{run.pk}", f"workspace.{target.workspace_id}"]
    assert _note_of_build(build.pk, "")
    assert "does not go on" not in sentence(run)


def test_the_studio_ends_what_did_not_keep_its_time_limit_itself(target: ComputeTarget) -> None:
    limits = {"time_limit_s": 60, "grace_s": 10, "held_up": SENTENCE}
    long_ago = timezone.now() - timedelta(seconds=90)
    due = make_run(target, status=Status.RUNNING, started_at=long_ago, **limits)
    make_run(target, status=Status.RUNNING, started_at=timezone.now(), **limits)
    assert _due()["runs.jobs.stop"]() == [due.pk]
