"""Migrations that move what people have."""

from __future__ import annotations

import numpy as np
import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from compute.models import ComputeTarget
from runs.metrics import Point, pack
from runs.models import Run, RunEvent, RunParam
from runs.states import Status
from studio.migrated import pending_migrations
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


def test_parameters_of_earlier_runs_can_be_looked_for(target: ComputeTarget) -> None:
    from importlib import import_module

    migration = import_module("runs.migrations.0007_lists")
    runs = [
        make_run(target=target, command=["python", "t.py", "--lr", str(n), "--opt", "adam"])
        for n in range(3)
    ]
    make_run(target=target, command=["true"])
    migration.BATCH, before = 3, migration.BATCH
    try:
        migration.index_params(apps, None)
    finally:
        migration.BATCH = before
    found = RunParam.objects.order_by("run", "name").values_list("run", "name", "text", "number")
    expected = [
        row for n, run in enumerate(runs)
        for row in ((run.pk, "lr", str(n), float(n)), (run.pk, "opt", "adam", None))
    ]  # fmt: skip
    assert list(found) == expected


def test_series_that_are_there_find_their_best_steps(target: ComputeTarget) -> None:
    from importlib import import_module

    migration = import_module("runs.migrations.0008_best_steps")
    run = make_run(target=target, status=Status.RUNNING)
    numbers, text = run.series.create(name="loss", count=4), run.series.create(name="note")
    values = [
        Point("loss", v, s, 0.0) for v, s in ((2.0, 5), (float("nan"), 6), (1.0, 7), (3.0, 8))
    ]
    numbers.chunks.create(index=0, points=pack(values[:2]))
    numbers.chunks.create(index=1, points=pack(values[2:]))
    migration.from_points(apps, None)
    numbers.refresh_from_db()
    text.refresh_from_db()
    assert (numbers.minimum_step, numbers.maximum_step) == (7, 8)
    assert np.array_equal(
        np.frombuffer(bytes(numbers.outline), "<f4"), [2, np.nan, 1, 3], equal_nan=True
    )
    assert (text.minimum_step, text.maximum_step) == (None, None)


def test_a_new_database_is_made_at_once_as_the_old_ones_became_step_by_step() -> None:
    steps, at_once = MigrationLoader(None, replace_migrations=False), MigrationLoader(None)
    whole = [key for key, migration in steps.disk_migrations.items() if migration.replaces]
    assert {app for app, _ in whole} == {"studio", "compute", "environments", "runs"}
    last = [steps.disk_migrations[key].replaces[-1] for key in whole]
    assert steps.project_state(last) == at_once.project_state(whole)


def test_an_old_database_goes_on_where_it_was() -> None:
    applied = MigrationRecorder.Migration.objects
    applied.filter(name__contains="_squashed_").delete()
    assert pending_migrations() == []
    lacking = [
        "0011_secrets",
        "0012_held_up",
        "0013_names",
        "0014_stopped_outside",
        "0015_live_runs",
    ]
    applied.filter(app="runs", name__in=lacking).delete()
    assert pending_migrations() == [f"runs.{name}" for name in lacking]
