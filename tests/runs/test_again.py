"""Running the same thing again, and waking what seems to be stuck."""

from __future__ import annotations

from typing import Any

import pytest
from django_rq import get_queue

from compute.models import ComputeTarget
from runs.models import Attempt, Run
from runs.services.again import OF_ONE_RUN, run_again, run_wake
from runs.states import FINAL, Status
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.lib.vault import decrypt, encrypt
from studio.models import User
from tests.compute.records import make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended(target: ComputeTarget, alice: User) -> Run:
    """A run that failed, with all that one may ask for."""
    run = make_run(
        target,
        submitted_by=alice,
        status=Status.FAILED,
        end_reason="exited_nonzero",
        exit_code=1,
        error="E: no",
        extra_files=[{"path": "x", "size": 1}],
        script="train.py",
        command=["python", "train.py", "--alpha", "0.5"],
        variables={"PLAIN": "seen"},
        secret_variables={"API_TOKEN": encrypt("hidden")},
        outputs=["out/**"],
        tags={"k": "v"},
        priority=3,
        time_limit_s=60,
        grace_s=7,
        git={"commit": "abc"},
    )
    Attempt.objects.create(run=run, number=1, folder=f"x-run-{run.pk}-1")
    return run


def test_it_asks_for_all_that_was_asked_for(ended: Run, bob: User) -> None:
    new = run_again(user=bob, run=ended)
    new.refresh_from_db()
    asked = {field.attname for field in Run._meta.concrete_fields if field.name not in OF_ONE_RUN}
    assert {name: getattr(new, name) for name in asked} == {
        name: getattr(ended, name) for name in asked
    }
    assert decrypt(new.secret_variables["API_TOKEN"]) == "hidden"
    assert (new.status, new.end_reason, new.exit_code, new.error) == ("queued", "", None, "")
    assert (new.submitted_by, new.extra_files, new.build) == (bob, [], None)
    assert new.uid != ended.uid
    assert new.attempts.get().folder.endswith(f"-run-{new.pk}-1")
    assert new.events.get().text == f"Submitted: run {ended.pk} again."


def test_what_belongs_to_one_run_are_fields_of_it() -> None:
    assert {field.name for field in Run._meta.concrete_fields} >= OF_ONE_RUN


def test_a_disabled_target_refuses_it(ended: Run, bob: User, target: ComputeTarget) -> None:
    ComputeTarget.objects.filter(pk=target.pk).update(enabled=False)
    with pytest.raises(Refused, match="local is disabled"):
        run_again(user=bob, run=ended)
    assert Run.objects.count() == 1


def test_who_may_not_write_is_refused(ended: Run, vera: User, charlie: User) -> None:
    for call in (run_again, run_wake):
        with pytest.raises(Forbidden):
            call(user=vera, run=ended)
        with pytest.raises(NotFound):
            call(user=charlie, run=ended)
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("status", "fields", "job"),
    [
        ("queued", {}, "runs.jobs.dispatch"),
        ("preparing", {}, "runs.jobs.dispatch"),
        ("starting", {}, "runs.jobs.dispatch"),
        ("starting", {"cancel_requested_at": "2026-01-01T00:00:00Z"}, "runs.jobs.stop"),
        ("running", {}, None),
        ("finalizing", {}, "runs.jobs.collect"),
        ("finalizing", {"cancel_requested_at": "2026-01-01T00:00:00Z"}, "runs.jobs.collect"),
    ],
)
def test_waking_hints_at_the_next_step_only(
    status: str,
    fields: dict[str, Any],
    job: str | None,
    ended: Run,
    bob: User,
    redis_server: str,
    django_capture_on_commit_callbacks: Any,
) -> None:
    Run.objects.filter(pk=ended.pk).update(status=status, end_reason="", **fields)
    ended.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        run_wake(user=bob, run=ended)
    assert [queued.func_name for queued in get_queue("default").jobs] == ([job] if job else [])
    assert Run.objects.get(pk=ended.pk).status == status


@pytest.mark.parametrize("status", sorted(FINAL))
def test_what_ended_is_not_woken(status: str, ended: Run, bob: User) -> None:
    Run.objects.filter(pk=ended.pk).update(status=status)
    ended.refresh_from_db()
    with pytest.raises(Refused, match="Run it again instead"):
        run_wake(user=bob, run=ended)
