"""Finding anything by its number or a part of its name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compute.models import ComputeTarget
from runs.models import Experiment, Run, Source
from tests.api.conftest import MakeRun
from tests.pages.visitor import Visitor

MOST_QUERIES = 10


def found(visitor: Visitor, words: str) -> list[dict[str, Any]]:
    """What the palette gets."""
    page = visitor.get("/find/", {"q": words}, headers={"Accept": "application/json"})
    assert page.status == 200
    things: list[dict[str, Any]] = json.loads(page.content)["found"]
    return things


def test_a_number_comes_first_then_beginnings_then_parts(
    member: Visitor, make_run: MakeRun
) -> None:
    run = make_run(name="other")
    part, begins = make_run(name=f"x-{run.pk}"), make_run(name=f"{run.pk}-x")
    things = found(member, str(run.pk))
    assert [thing["url"] for thing in things[:3]] == [
        f"/runs/{each.pk}/" for each in (run, begins, part)
    ]
    assert [thing["exact"] for thing in things[:3]] == [True, False, False]
    assert found(member, f"#{run.pk}")[0]["label"] == f"{run.pk} other"
    assert found(member, run.uid[:6])[0]["label"] == f"{run.pk} other"


def test_every_kind_is_found(member: Visitor, run: Run, target: ComputeTarget) -> None:
    Source.objects.create(workspace=run.workspace, name="minimal ridge", kind="upload")
    kinds = {thing["kind"]: thing["url"] for thing in found(member, "ridge")}
    assert kinds == {"experiment": "/experiments/ridge/", "source": "/sources/minimal%20ridge/"}
    assert [thing["kind"] for thing in found(member, "local")] == ["target"]
    assert found(member, "minimal")[0]["url"] == "/environments/minimal/"


def test_without_words_my_newest_runs(member: Visitor, owner: Visitor, make_run: MakeRun) -> None:
    runs = [make_run() for _ in range(6)]
    assert [thing["url"] for thing in found(member, " ")] == [
        f"/runs/{run.pk}/" for run in reversed(runs[1:])
    ]
    assert found(owner, "") == []


def test_what_is_archived_is_left_out(member: Visitor, run: Run) -> None:
    Run.objects.update(name="needle", archived_at=run.created_at)
    Experiment.objects.update(archived_at=run.created_at)
    assert found(member, "needle") == []
    assert found(member, "ridge") == []


def test_a_stranger_finds_nothing_of_others(stranger: Visitor, told: Run) -> None:
    for words in (str(told.pk), told.name, told.uid[:6], "ridge", "local", "minimal"):
        assert found(stranger, words) == []


@pytest.mark.parametrize("words", ["%", "_", "\\", "'", "a\0b", "9" * 40, "a" * 500, "<b>"])
def test_any_words_may_be_asked(words: str, member: Visitor, run: Run) -> None:
    assert found(member, words) == []
    assert member.get("/find/", {"q": words}).status == 200


def test_the_page_works_by_itself(member: Visitor, run: Run) -> None:
    page = member.get("/find/", {"q": run.name})
    assert f'<a href="/runs/{run.pk}/">' in page.html
    assert "Accept" in page.headers["Vary"]


def test_it_takes_few_queries(member: Visitor, make_run: MakeRun) -> None:
    for number in range(20):
        make_run(name=f"seed-{number}")
    found(member, "seed")
    with CaptureQueriesContext(connection) as captured:
        found(member, "seed")
    assert len(captured) <= MOST_QUERIES
