"""Lists at 100,000 runs: a bounded number of queries, whatever they filter and show."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from runs.models import Artifact, Run
from studio.models import AuditEvent
from tests.console.conftest import MODELS, Console

BUDGET = 20
MANY = 100_000
STATUSES = ("completed", "failed", "canceled", "running", "queued")
STATUS = f"CASE n.i %% {len(STATUSES)}"
STATUS += "".join(f" WHEN {n} THEN '{status}'" for n, status in enumerate(STATUSES)) + " END"


@pytest.fixture
def many(told: Run) -> None:
    """So many runs, each with an attempt, two events, a series and an artifact."""
    columns = {f'"{f.column}"': f't."{f.column}"' for f in Run._meta.concrete_fields}
    columns |= {'"id"': "t.id + n.i", '"uid"': "'many-' || n.i", '"status"': STATUS}
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) "
            f"INSERT INTO runs_run ({', '.join(columns)}) "
            f"SELECT {', '.join(columns.values())} FROM n, runs_run t WHERE t.id = %s",
            [MANY, told.pk],
        )
    for record in (*told.attempts.all(), *told.events.all(), *told.series.all()):
        _one_for_each_run(record)
    _one_for_each_run(told.artifacts.get())
    _one_for_each_run(AuditEvent.objects.get())


def _one_for_each_run(record: Model) -> None:
    """A copy of the record for each other run."""
    table = record._meta.db_table
    columns = [f.column for f in record._meta.concrete_fields if f.column != "id"]
    taken = ", ".join("r.id" if name == "run_id" else f't."{name}"' for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {taken} FROM runs_run r, {table} t "
            "WHERE t.id = %s AND r.id > %s",
            [record.pk, Run.objects.earliest("pk").pk],
        )


@pytest.mark.timeout(300)
def test_lists_stay_cheap(many: None, console: Console, record_property: Any) -> None:
    of_runs = console.address(Run)
    searched = [f"{of_runs}?{asked}" for asked in (
        "q=train", "q=nothing-like-it", "q=50000", "status__exact=failed", "p=1500", "o=2",
        "archived_at__isempty=1&status__exact=running", "created_at__gte=2020-01-01 00:00:00Z",
    )]  # fmt: skip
    assert Artifact.objects.count() == MANY + 1
    for path in [*map(console.address, MODELS), *searched]:
        started = time.monotonic()
        with CaptureQueriesContext(connection) as captured:
            assert console.visitor.get(path).status == 200, path
        seconds, count = time.monotonic() - started, len(captured)
        record_property(path, round(seconds, 2))
        print(f"{seconds:6.2f} s {count:3} queries {path}")  # noqa: T201  (shown by -s)
        assert count < BUDGET, path
