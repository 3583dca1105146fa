"""The list of runs: filters, order, pages, live rows."""

from __future__ import annotations

import re

import pytest

from runs.models import Experiment, Run
from studio.models import Workspace
from tests.api.conftest import MakeRun
from tests.pages.conftest import end
from tests.pages.visitor import DASH, Page, Visitor


def listed(page: Page) -> list[int]:
    """The runs of a table, in its order."""
    return [int(number) for number in re.findall(r'<tr id="run-(\d+)"', page.html)]


@pytest.fixture
def three(make_run: MakeRun, workspace: Workspace) -> list[Run]:
    other = Experiment.objects.create(workspace=workspace, name="other one")
    runs = [
        make_run(name="alpha", tags={"model": "ridge", "items": ""}),
        make_run(name="beta", experiment=other, description="about <whales>"),
        make_run(name="gamma", tags={"a b=c": "d&e"}),
    ]
    end(runs[1], "failed", "exited_nonzero", error="KeyError: 'missing'")
    return runs


def test_newest_first(member: Visitor, three: list[Run]) -> None:
    assert listed(member.get("/runs/")) == [run.pk for run in reversed(three)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"status": "failed"}, ["beta"]),
        ({"status": "live"}, ["gamma", "alpha"]),
        ({"status": "ended"}, ["beta"]),
        ({"experiment": "other one"}, ["beta"]),
        ({"experiment": "unheard of"}, []),
        ({"target": "local"}, ["gamma", "beta", "alpha"]),
        ({"target": "elsewhere"}, []),
        ({"tag": "model"}, ["alpha"]),
        ({"tag": "model=ridge"}, ["alpha"]),
        ({"tag": "model=lasso"}, []),
        ({"q": "WHALES"}, ["beta"]),
        ({"q": "KeyError"}, ["beta"]),
        ({"q": "%"}, []),
        ({"archived": "1"}, []),
        ({"sort": "name"}, ["alpha", "beta", "gamma"]),
        ({"sort": "-name"}, ["gamma", "beta", "alpha"]),
        ({"page": "99"}, ["gamma", "beta", "alpha"]),
        ({"page": "-1"}, ["gamma", "beta", "alpha"]),
        ({"page": "x", "size": "1"}, ["gamma", "beta", "alpha"]),
    ],
)
def test_a_filter_is_an_address(
    query: dict[str, str], names: list[str], member: Visitor, three: list[Run]
) -> None:
    page = member.get("/runs/", query)
    by_number = {run.pk: run.name for run in three}
    assert page.status == 200
    assert [by_number[number] for number in listed(page)] == names


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"status": "<b>"}, "'<b>' is no status"),
        ({"sort": "colour"}, "Runs cannot be sorted by 'colour'"),
    ],
)
def test_a_filter_that_makes_no_sense_says_so_and_shows_all(
    query: dict[str, str], sentence: str, member: Visitor, three: list[Run]
) -> None:
    page = member.get("/runs/", query)
    assert page.status == 422
    assert sentence in page.text
    assert len(listed(page)) == 3


def test_what_people_wrote_is_text_and_never_markup(member: Visitor, three: list[Run]) -> None:
    Run.objects.filter(pk=three[0].pk).update(name="<script>alert(1)</script>")
    page = member.get("/runs/")
    assert "<script>alert" not in page.html
    assert "<script>alert(1)</script>" in page.text


def test_a_tag_leads_to_the_runs_that_have_it(member: Visitor, three: list[Run]) -> None:
    page = member.get("/runs/")
    links = re.findall(r'<a class="tag"\s+href="([^"]+)"', page.html)
    found = [listed(member.get(link.replace("&amp;", "&"))) for link in links]
    assert [three[0].pk] in found
    assert len(links) == 3


def test_the_error_line_stands_in_the_list(member: Visitor, three: list[Run]) -> None:
    assert "KeyError: 'missing'" in member.get("/runs/").text


def test_archived_runs_have_a_list_of_their_own(member: Visitor, three: list[Run]) -> None:
    member.post(f"/runs/{three[1].pk}/archive/", {"archived": "1"})
    assert three[1].pk not in listed(member.get("/runs/"))
    assert listed(member.get("/runs/", {"archived": "1"})) == [three[1].pk]
    member.post(f"/runs/{three[1].pk}/archive/", {"archived": "0"})
    assert three[1].pk in listed(member.get("/runs/"))


def test_pages_together_show_every_run_once(member: Visitor, make_run: MakeRun) -> None:
    runs = [make_run() for _ in range(120)]
    seen: list[int] = []
    for number in ("1", "2", "3"):
        seen += listed(member.get("/runs/", {"page": number}))
    assert seen == [run.pk for run in reversed(runs)]
    assert f"51{DASH}100 of 120" in member.get("/runs/", {"page": "2"}).text


def test_links_to_other_pages_keep_the_filter(member: Visitor, make_run: MakeRun) -> None:
    for _ in range(60):
        make_run(tags={"k": "v"})
    page = member.get("/runs/", {"tag": "k=v"})
    assert re.search(r'href="\?tag=k%3Dv&amp;page=2"', page.html)


def test_rows_are_asked_for_by_number(member: Visitor, stranger: Visitor, three: list[Run]) -> None:
    ids = f"{three[0].pk},{three[2].pk},999999,x,"
    assert set(listed(member.get("/runs/rows/", {"ids": ids}))) == {three[0].pk, three[2].pk}
    assert listed(stranger.get("/runs/rows/", {"ids": ids})) == []
    assert listed(member.get("/runs/rows/")) == []


def test_a_rows_version_changes_with_what_it_shows(member: Visitor, three: list[Run]) -> None:
    def version() -> str:
        page = member.get("/runs/rows/", {"ids": three[0].pk})
        found = re.search(r'data-version="(\w+)"', page.html)
        assert found
        return found[1]

    before = version()
    assert version() == before
    three[0].series.create(name="loss", last=0.5, count=1)
    with_metric = version()
    assert with_metric != before
    end(three[0], "completed", "exited_zero")
    assert version() not in {before, with_metric}


def test_an_empty_list_teaches(member: Visitor) -> None:
    page = member.get("/runs/")
    assert "runyard submit train.py" in page.text
