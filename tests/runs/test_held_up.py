"""A run that something on its target keeps from going on says so, and ends all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import Run
from runs.selectors.waiting import run_waiting
from runs.services.finish import _note_held_up
from runs.services.sweep import _due
from runs.states import Status
from tests.compute.records import make_run

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


def test_the_studio_ends_what_did_not_keep_its_time_limit_itself(target: ComputeTarget) -> None:
    limits = {"time_limit_s": 60, "grace_s": 10, "held_up": SENTENCE}
    long_ago = timezone.now() - timedelta(seconds=90)
    due = make_run(target, status=Status.RUNNING, started_at=long_ago, **limits)
    make_run(target, status=Status.RUNNING, started_at=timezone.now(), **limits)
    assert _due()["runs.jobs.stop"]() == [due.pk]
