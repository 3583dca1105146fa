"""The list of runs: filters, order, pages, live rows."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs.models import Experiment, Run
from runs.services.submit import index_params
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
        ({"q": "status:failed"}, ["beta"]),
        ({"q": "status:live"}, ["gamma", "alpha"]),
        ({"q": "status:ended"}, ["beta"]),
        ({"q": 'experiment:"other one"'}, ["beta"]),
        ({"q": "experiment:unheard"}, []),
        ({"q": "target:elsewhere"}, []),
        ({"q": "tag:model=ridge"}, ["alpha"]),
        ({"q": "WHALES"}, ["beta"]),
        ({"q": "%"}, []),
        ({"q": "is:archived"}, []),
        ({"q": "sort:name"}, ["alpha", "beta", "gamma"]),
        ({"q": "sort:-name"}, ["gamma", "beta", "alpha"]),
        ({"page": "99"}, ["gamma", "beta", "alpha"]),
        ({"page": "-1"}, ["gamma", "beta", "alpha"]),
        ({"page": "x", "size": "1"}, ["gamma", "beta", "alpha"]),
        ({"columns": 'nonsense,,"', "view": "x"}, ["gamma", "beta", "alpha"]),
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
    ("query", "sentence", "caret"),
    [
        ("tag:a status:<b>", "'<b>' is no status", 13),
        ("sort:colour", "Runs cannot be sorted by 'colour'", 5),
        ('name:x "', "This quotation mark is never closed", 7),
    ],
)
def test_a_filter_that_cannot_be_read_says_where_and_shows_nothing(
    query: str, sentence: str, caret: int, member: Visitor, three: list[Run]
) -> None:
    page = member.get("/runs/", {"q": query})
    assert page.status == 422
    assert sentence in page.text
    assert f"\n{' ' * caret}^</pre>" in page.html
    assert html.escape(query) in page.html
    assert listed(page) == []


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
    assert listed(member.get("/runs/", {"q": "is:archived"})) == [three[1].pk]
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
    page = member.get("/runs/", {"q": "tag:k=v"})
    assert re.search(r'href="\?q=tag%3Ak%3Dv&amp;page=2"', page.html)


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


def heads(page: Page) -> list[str]:
    """The heads of the table, in order."""
    found = re.findall(r"<th\b[^>]*>(.*?)</th>", page.html, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", head)).split()) for head in found]


@pytest.fixture
def measured(make_run: MakeRun) -> list[Run]:
    """Four runs with a parameter, three of them with a metric, one of which is no number."""
    runs = []
    for lr, r2 in (("0.1", 0.2), ("1e-3", 0.9), ("adam", None), ("-5", 0.5)):
        run = make_run(command=["python", "train.py", "--lr", lr, "--verbose"])
        index_params(run)
        if r2 is not None:
            run.series.create(name="val/r2", last=r2, count=1)
        runs.append(run)
    runs[2].series.create(name="val/r2", last=None, text="nan", count=1)
    return runs


def test_metrics_and_parameters_are_columns(member: Visitor, measured: list[Run]) -> None:
    page = member.get("/runs/", {"columns": "name,metrics.val/r2,params.lr,params.verbose"})
    assert heads(page)[-4:] == ["Name", "val/r2", "lr", "verbose"]
    assert re.search(r'<td class="num">0.9</td><td class="num">.*1e-3.*true', page.html)
    assert '<td class="num">nan</td>' in page.html


def test_a_click_on_a_head_sorts_and_the_next_turns_round(
    member: Visitor, measured: list[Run]
) -> None:
    page = member.get("/runs/", {"columns": "name,metrics.val/r2", "q": "train"})

    def click(page: Page) -> Page:
        found = re.search(r'href="(\S+)" title="metrics.val/r2"', page.html)
        assert found
        return member.get(html.unescape(found[1]))

    up = click(page)
    order = [measured[n].pk for n in (0, 3, 1, 2)]
    assert listed(up) == order
    assert 'aria-sort="ascending"' in up.html
    down = click(up)
    assert listed(down) == [*reversed(order[:3]), order[3]]
    assert 'value="train sort:-metrics.val/r2"' in down.html
    assert heads(down)[-1] == "val/r2 \N{DOWNWARDS ARROW}"


def test_the_columns_that_there_are(member: Visitor, measured: list[Run]) -> None:
    page = member.get("/runs/columns/", {"columns": "params.lr,name", "q": "train"})
    found = re.findall(r'name="columns"\s+value="([^"]+)"( checked|\s+checked)?', page.html)
    assert [name for name, chosen in found][:2] == ["params.lr", "name"]
    assert [bool(chosen) for _, chosen in found][:3] == [True, True, False]
    assert {"metrics.val/r2", "params.verbose", "status", "gpus"} <= {name for name, _ in found}
    chosen = member.get("/runs/", {"columns": ["name", "metrics.val/r2"]})
    assert heads(chosen)[-2:] == ["Name", "val/r2"]


def test_new_runs_are_counted_only_if_they_match(member: Visitor, three: list[Run]) -> None:
    asked = {"q": "status:failed", "after": three[1].pk, "ids": three[1].pk}
    assert member.get("/runs/rows/", asked).headers["X-New-Runs"] == ""
    end(three[2], "failed", "exited_nonzero")
    assert member.get("/runs/rows/", asked).headers["X-New-Runs"] == str(three[2].pk)
    end(three[0], "failed", "exited_nonzero")
    assert member.get("/runs/rows/", asked).headers["X-New-Runs"] == str(three[2].pk)
    whole = asked | {"others": three[0].pk}
    both = f"{three[0].pk},{three[2].pk}"
    assert member.get("/runs/rows/", whole).headers["X-New-Runs"] == both


def test_a_page_of_runs_takes_at_most_eight_queries(member: Visitor, make_run: MakeRun) -> None:
    for n in range(30):
        run = make_run(command=["python", "train.py", "--lr", str(n)], tags={"k": str(n)})
        index_params(run)
        run.series.create(name="r2", last=n / 100, count=1)
    asked = {
        "q": "status:queued metrics.r2>0.01 params.lr<20 tag:k sort:-metrics.r2",
        "columns": "status,name,user,environment,metrics,metrics.r2,params.lr",
        "size": "100",
    }
    member.get("/runs/", asked)
    with CaptureQueriesContext(connection) as captured:
        page = member.get("/runs/", asked)
    assert len(listed(page)) == 18
    assert len(captured) <= 8, "\n".join(query["sql"][:4000][-260:] for query in captured)
