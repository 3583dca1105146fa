"""What is asked all the time looks at the runs that go on, however many have ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compute.models import ComputeTarget
from runs.selectors.home import home_facts
from runs.services.orphans import leases_release
from runs.services.sweep import _due
from studio.models import User, Workspace

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="plans of SQLite are read"),
]


def steps(ask: Callable[[], Any]) -> list[str]:
    """How the database goes through tables for what is asked of it."""
    with CaptureQueriesContext(connection) as asked:
        ask()
    found = []
    with connection.cursor() as cursor:
        for query in asked.captured_queries:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            found += [str(step) for *_, step in cursor.fetchall()]
    return found


def test_the_sweep_steps_over_what_has_ended(target: ComputeTarget) -> None:
    for ask in (leases_release, *_due().values()):
        for step in steps(ask):
            is_scan = step.startswith(("SCAN runs_run", "SCAN runs_attempt", "SCAN U0"))
            assert not is_scan or "INDEX run_live" in step, (ask, step)
    assert any("INDEX run_live" in step for step in steps(leases_release))


def test_the_first_page_steps_over_what_ended_long_ago(alice: User, workspace: Workspace) -> None:
    found = steps(lambda: home_facts(user=alice, workspace=workspace))
    live = "SEARCH U0 USING COVERING INDEX run_live (status=? AND ended_at=?)"
    late = "SEARCH runs_run USING INDEX run_by_end (workspace_id=? AND status=? AND ended_at>?)"
    assert (found.count(live), found.count(late)) == (2, 2), found
    assert not any("submitted_by_id=" in step for step in found), found
