"""Experiments as pages: what came of their runs, described, compared, archived."""

from __future__ import annotations

import pytest

from runs.models import Experiment, Run
from runs.services.experiments import experiment_take
from studio.models import AuditEvent, User, Workspace
from tests.api.conftest import MakeRun
from tests.pages.conftest import end
from tests.pages.visitor import Visitor


def result(make_run: MakeRun, value: float | None, **fields: object) -> Run:
    """A completed run that noted `loss`."""
    run = make_run(**fields)
    run.series.create(name="loss", last=value, count=1)
    end(run, "completed", "exited_zero")
    return run


def test_the_list_counts_runs_and_names_the_best(member: Visitor, make_run: MakeRun) -> None:
    Experiment.objects.filter(name="ridge").update(primary_metric="loss", direction="minimize")
    result(make_run, 0.5, name="good")
    best = result(make_run, 0.25, name="better")
    result(make_run, None, name="diverged")
    hidden = result(make_run, 0.1, name="hidden")
    Run.objects.filter(pk=hidden.pk).update(archived_at=hidden.created_at)
    end(make_run(), "failed", "exited_nonzero")
    make_run()
    page = member.get("/experiments/")
    assert "3 completed, 1 failed, 1 live" in page.text
    assert f"loss 0.25 {best.pk} better" in page.text
    assert "The newest 2 results: from 0.5 to 0.25" in page.html


@pytest.mark.parametrize(("direction", "name"), [("minimize", "low"), ("maximize", "high")])
def test_the_direction_decides_which_is_best(
    direction: str, name: str, member: Visitor, make_run: MakeRun
) -> None:
    Experiment.objects.filter(name="ridge").update(primary_metric="loss", direction=direction)
    result(make_run, 1.0, name="low")
    result(make_run, 2.0, name="high")
    assert f"{name}" in member.get("/experiments/ridge/").text.split("Newest runs")[0]


def test_without_runs_and_metric_the_pages_say_what_to_do(
    member: Visitor, viewer: Visitor, workspace: Workspace
) -> None:
    assert "runyard submit --experiment ridge train.py" in member.get("/experiments/").text
    Experiment.objects.create(workspace=workspace, name="empty one")
    page = member.get("/experiments/empty one/")
    assert "choose a metric" in page.text
    assert 'runyard submit --experiment "empty one" train.py' in page.text
    assert "choose a metric" not in viewer.get("/experiments/empty one/").text


def test_making_one_and_changing_it(member: Visitor, workspace: Workspace) -> None:
    page = member.post(
        "/new/experiment/",
        {
            "name": "wide",
            "description": "Wider nets",
            "primary_metric": "",
            "direction": "maximize",
        },
    )
    assert page.location == "/experiments/wide/"
    page = member.post(
        "/experiments/wide/edit/",
        {"name": "wider", "description": "x", "primary_metric": "loss", "direction": "minimize"},
    )
    assert page.location == "/experiments/wider/"
    made = Experiment.objects.get()
    assert (made.primary_metric, made.direction, made.description) == ("loss", "minimize", "x")
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["experiment.create", "experiment.update"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "ridge"}, "There is an experiment 'ridge' already"),
        ({"name": "old"}, "There is an archived experiment 'old' already"),
        ({"name": "a/b"}, "'a/b' cannot name an experiment"),
        ({"direction": "sideways"}, "Select a valid choice"),
        ({"primary_metric": "m" * 256}, "The name of a metric has 255 characters at most"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field(
    changes: dict[str, str], sentence: str, member: Visitor, run: Run, workspace: Workspace
) -> None:
    Experiment.objects.create(workspace=workspace, name="old", archived_at=run.created_at)
    page = member.post("/new/experiment/", {"name": "new", "direction": "maximize"} | changes)
    assert page.status == 422
    assert sentence in page.text
    assert not Experiment.objects.filter(name="new").exists()


def test_archiving_can_be_undone(member: Visitor, run: Run) -> None:
    page = member.post("/experiments/ridge/archive/", {"archived": "1"})
    assert page.location == "/experiments/"
    shown = member.get("/experiments/")
    assert "The experiment ridge is archived" in shown.text
    assert 'href="/experiments/ridge/"' not in shown.html
    assert 'href="/experiments/ridge/"' in member.get("/experiments/", {"archived": "1"}).html
    member.post("/experiments/ridge/archive/", {"archived": "0"})
    assert 'href="/experiments/ridge/"' in member.get("/experiments/").html


def test_a_new_run_brings_an_archived_experiment_back(
    run: Run, workspace: Workspace, bob: User
) -> None:
    Experiment.objects.update(archived_at=run.created_at)
    taken = experiment_take(workspace=workspace, name="ridge", user=bob)
    assert taken == run.experiment
    assert Experiment.objects.get().archived_at is None
