"""The first page."""

from __future__ import annotations

import re

from compute.models import ComputeTarget
from environments.services import environment_bootstrap_curated
from runs.models import Run
from studio.models import Workspace
from tests.api.conftest import MakeRun
from tests.pages.conftest import end
from tests.pages.visitor import Visitor


def test_the_example_is_one_click(
    owner: Visitor, target: ComputeTarget, workspace: Workspace
) -> None:
    environment_bootstrap_curated(workspace=workspace)
    first = owner.get("/")
    assert "Begin here: a ready example" in first.text
    page = owner.post("/example/")
    run = Run.objects.get()
    assert page.location == f"/runs/{run.pk}/"
    assert run.environment_version.environment.name == "scikit-learn"
    assert (run.target.name, run.status) == ("local", "queued")
    assert "Begin here" not in owner.get("/").text
    assert "Run the example" in owner.get("/").text


def test_without_a_target_the_example_says_what_is_missing(
    owner: Visitor, workspace: Workspace
) -> None:
    environment_bootstrap_curated(workspace=workspace)
    page = owner.post("/example/")
    assert page.status == 422
    assert "There is no compute target yet" in page.text


def test_my_live_runs_and_recent_failures(
    member: Visitor, viewer: Visitor, make_run: MakeRun
) -> None:
    for number in range(11):
        make_run(name=f"mine-{number}")
    failed = make_run(name="broken")
    end(failed, "failed", "exited_nonzero", error="KeyError: 'missing'")
    page = member.get("/")
    assert "mine-10" in page.text
    assert "mine-0" not in page.text
    assert "the newest 10 of 11" in page.text
    assert "KeyError: 'missing'" in page.text
    others = viewer.get("/")
    assert "mine-10" not in others.text
    assert "KeyError: 'missing'" in others.text


def test_my_last_completed_runs_are_one_click_away(
    member: Visitor, viewer: Visitor, make_run: MakeRun
) -> None:
    assert "My last completed runs" not in member.get("/").text
    for number in range(6):
        run = make_run(name=f"done-{number}")
        end(run, "completed", "exited_zero")
        run.series.create(name="r2", count=1, last=0.25 + number)
    page = member.get("/")
    assert "done-5 r2 5.25" in page.text
    assert "done-0" not in page.text
    assert "My last completed runs" not in viewer.get("/").text


def test_the_targets_strip(member: Visitor, make_run: MakeRun) -> None:
    make_run(status="running")
    make_run()
    assert "1 of 2 slots taken, 1 waiting" in member.get("/").text


def test_why_a_run_waits_stands_beside_it(member: Visitor, make_run: MakeRun) -> None:
    ComputeTarget.objects.update(enabled=False)
    make_run(name="patient")
    page = member.get("/")
    assert "patient The target local is disabled: an admin can enable it on its page." in page.text


def test_an_error_line_leads_to_the_log(member: Visitor, make_run: MakeRun) -> None:
    failed = make_run(name="broken")
    end(failed, "failed", "exited_nonzero", error="KeyError: 'missing'")
    assert re.search(
        rf'<a class="error-line"\s+href="/runs/{failed.pk}/log/"[^>]*>KeyError: ',
        member.get("/").html,
    )


def test_a_taken_slot_names_its_run(member: Visitor, make_run: MakeRun) -> None:
    run = make_run(status="running", name="holder")
    page = member.get("/")
    assert f'title="{run.pk} holder, running, by bob"' in page.html
    assert page.html.count('title="free"') == 1


def test_the_first_steps_tick_what_is_done(
    member: Visitor, make_run: MakeRun, target: ComputeTarget
) -> None:
    assert "to do A target is ready" in member.get("/").text
    ComputeTarget.objects.update(health="ready")
    assert "done A target is ready" in member.get("/").text
    end(make_run(), "failed", "exited_nonzero")
    assert "to do A run has completed" in member.get("/").text
    end(make_run(), "completed", "exited_zero")
    assert "First steps" not in member.get("/").text
