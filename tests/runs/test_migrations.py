"""Migrations that move what people have."""

from __future__ import annotations

import pytest
from django.apps import apps

from compute.models import ComputeTarget
from runs.models import Run, RunEvent
from runs.states import Status
from tests.compute.records import make_run

pytestmark = pytest.mark.django_db


def test_runs_that_ended_before_say_why(target: ComputeTarget) -> None:
    from importlib import import_module

    migration = import_module("runs.migrations.0002_end_sentence")
    ended, live = (make_run(target=target, status=s) for s in (Status.FAILED, Status.RUNNING))
    for run, status, text in ((ended, "running", "Started."), (ended, "failed", "No disk."),
                              (live, "running", "Started.")):  # fmt: skip
        RunEvent.objects.create(run=run, kind="moved", new_status=status, text=text)
    migration.from_history(apps, None)
    sentences = dict(Run.objects.values_list("pk", "end_sentence"))
    assert sentences == {ended.pk: "No disk.", live.pk: ""}
