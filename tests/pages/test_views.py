"""Saved views, completion and CSV of the list of runs."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from typing import Any

import pytest

from runs.models import Experiment, Run, SavedView
from runs.services.submit import index_params
from studio.models import Workspace
from tests.api.conftest import MakeRun
from tests.pages.conftest import end
from tests.pages.visitor import Page, Visitor

GOOD = {"name": " good ones ", "q": "metrics.r2>0.4", "columns": "name,metrics.r2"}


def tabs(page: Page) -> dict[str, str]:
    """The views above the table: name to address."""
    bar = re.search(r'aria-label="Views">(.*?)</nav>', page.html, re.DOTALL)
    assert bar
    found = re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', bar[1], re.DOTALL)
    return {re.sub(r"<.*", "", name): html.unescape(address) for address, name in found}


class TestSaved:
    def test_a_view_is_a_query_with_columns(self, member: Visitor, run: Run) -> None:
        made = member.post("/runs/views/", GOOD)
        assert made.status == 302
        page = member.get(made.location)
        assert 'value="metrics.r2&gt;0.4"' in page.html
        assert list(tabs(page)) == ["All", "Live", "Failed", "Mine", "good ones"]
        assert tabs(page)["good ones"] == made.location
        assert re.search(r'aria-current="page">\s*good ones', page.html)
        assert "Update good ones" not in page.text
        changed = member.get(made.location.replace("0.4", "0.5"))
        assert "Update good ones" in changed.text

    def test_the_same_name_is_the_same_view(self, member: Visitor, run: Run) -> None:
        member.post("/runs/views/", GOOD)
        member.post("/runs/views/", GOOD | {"q": "status:failed"})
        assert SavedView.objects.get().query == "status:failed"

    def test_ones_own_views_are_for_oneself(
        self, member: Visitor, owner: Visitor, viewer: Visitor, run: Run
    ) -> None:
        member.post("/runs/views/", GOOD)
        assert "good ones" not in tabs(owner.get("/runs/"))
        view = SavedView.objects.get()
        assert owner.post(f"/runs/views/{view.pk}/", {"q": ""}).status == 404
        assert viewer.post("/runs/views/", GOOD).status == 302  # a viewer keeps views as well
        assert viewer.post("/runs/views/", GOOD | {"shared": "1"}).status == 403

    def test_a_shared_view_is_changed_by_its_maker_and_admins(
        self, member: Visitor, owner: Visitor, viewer: Visitor, stranger: Visitor, run: Run
    ) -> None:
        member.post("/runs/views/", GOOD | {"shared": "1"})
        view = SavedView.objects.get()
        path = f"/runs/views/{view.pk}/"
        assert "good ones" in tabs(viewer.get("/runs/"))
        assert "good ones" not in tabs(stranger.get("/runs/"))
        for visitor, status in ((viewer, 403), (stranger, 404), (owner, 302), (member, 302)):
            assert visitor.post(path, {"q": "status:failed"}).status == status
        assert viewer.post(f"{path}delete/").status == 403
        assert stranger.post(f"{path}delete/").status == 404
        assert "Delete view" not in viewer.get("/runs/", {"view": view.pk}).text
        assert owner.post(f"{path}delete/").status == 302
        assert not SavedView.objects.exists()

    def test_deleting_can_be_undone(self, member: Visitor, run: Run) -> None:
        member.post("/runs/views/", GOOD)
        gone = member.post(f"/runs/views/{SavedView.objects.get().pk}/delete/")
        page = member.get(gone.location)
        form = re.search(
            r'<form method="post" action="/runs/views/">(.*?)</form>', page.html, re.DOTALL
        )
        assert form
        fields = re.findall(r'name="(\w+)"\s+value="([^"]*)"', form[1])
        member.post("/runs/views/", {name: html.unescape(value) for name, value in fields})
        again = SavedView.objects.get()
        assert (again.name, again.query, again.is_shared) == ("good ones", GOOD["q"], False)
        assert again.columns == GOOD["columns"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"name": " "}, "A view needs a name"),
            ({"name": "x" * 101}, "A view needs a name"),
            ({"q": "status:x"}, "This query cannot be kept: 'x' is no status"),
        ],
    )
    def test_what_cannot_be_kept_is_refused(
        self, change: dict[str, str], words: str, member: Visitor, run: Run
    ) -> None:
        page = member.post("/runs/views/", GOOD | change)
        assert (page.status, words in page.text) == (422, True), page.text
        assert not SavedView.objects.exists()


@pytest.fixture
def known(make_run: MakeRun, workspace: Workspace) -> list[Run]:
    other = Experiment.objects.create(workspace=workspace, name="other one")
    runs = [
        make_run(name="first", command=["python", "t.py", "--lr", "0.1"], tags={"seed": "3"}),
        make_run(name="second", experiment=other, command=["python", "t.py", "--opt", "=cmd()"]),
        make_run(name="=third", description="x", command=["python", "t.py", "--lr", "-1e-3"]),
    ]
    for run in runs:
        index_params(run)
    runs[0].series.create(name="val/r2", last=0.1 + 0.2, count=1)
    runs[1].series.create(name="val/r2", last=-3.0, count=1)
    runs[2].series.create(name="@odd", last=None, text="=nan()", count=1)
    end(runs[0], "completed", "exited_zero")
    return runs


def offered(visitor: Visitor, text: str) -> list[str]:
    """What is offered at the mark."""
    page = visitor.get("/runs/complete/", {"q": text.replace("|", ""), "at": text.index("|")})
    choices: list[dict[str, Any]] = json.loads(page.content)["choices"]
    assert {(c["start"], c["end"]) for c in choices} <= {
        (choices[0]["start"], choices[0]["end"]) for _ in choices
    }
    return [choice["text"] for choice in choices]


class TestCompletion:
    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("st|", ["status:", "started>"]),
            ("status:fa|", ["failed"]),
            ("-status:ca|", ["canceled"]),
            ("experiment:oth|", ['"other one"']),
            ("target:|", ["local"]),
            ("user:|", ["me", "bob"]),
            ("tag:se|", ["seed", "seed=3"]),
            ("metrics.v|", ["val/r2"]),
            ("metrics.|", ["@odd", "val/r2"]),
            ("params.|", ["lr", "opt"]),
            ("params.lr:|", ["-1e-3", "0.1"]),
            ("sort:-met|", ["-metrics.@odd", "-metrics.val/r2"]),
            ("name:fir|", ["first"]),
            ("is:|", ["archived"]),
            ("created>|", ["1h", "1d", "7d", "30d"]),
            ("colour:|", []),
            ("other|", ['experiment:"other one"']),
        ],
    )
    def test_what_fits(
        self, text: str, first: list[str], member: Visitor, known: list[Run]
    ) -> None:
        assert offered(member, text)[: max(1, len(first))] == first

    def test_a_stranger_is_offered_nothing_of_others(
        self, stranger: Visitor, known: list[Run]
    ) -> None:
        for text in ("experiment:|", "tag:|", "metrics.|", "params.lr:|", "name:|", "target:|"):
            assert offered(stranger, text) == [], text
        assert offered(stranger, "user:|") == ["me"]

    def test_odd_questions_are_answered(self, member: Visitor, known: list[Run]) -> None:
        for query in ({"q": "x\0", "at": "-1"}, {"at": "99999"}, {"q": "a" * 9000, "at": "²"}):
            assert member.get("/runs/complete/", query).status == 200


def table(page: Page) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(page.content.decode())))


class TestCsv:
    def test_all_that_match_with_the_columns(self, member: Visitor, known: list[Run]) -> None:
        columns = "name,status,params.lr,params.opt,metrics,duration"
        page = member.get("/runs/csv/", {"q": "sort:created", "columns": columns})
        assert page.headers["Content-Type"].startswith("text/csv")
        assert "attachment" in page.headers["Content-Disposition"]
        first, second, third = table(page)
        assert list(first) == [
            "id", "name", "status", "params.lr", "params.opt", "metrics.@odd", "metrics.val/r2",
            "duration",
        ]  # fmt: skip
        assert float(first["metrics.val/r2"]) == 0.1 + 0.2
        assert second["metrics.val/r2"] == "-3.0"
        assert (first["params.lr"], third["params.lr"]) == ("0.1", "-1e-3")
        assert (first["status"], first["id"]) == ("completed", str(known[0].pk))

    def test_nothing_in_it_is_a_formula(self, member: Visitor, known: list[Run]) -> None:
        page = member.get("/runs/csv/", {"columns": "name,params.opt,metrics.@odd"})
        third, second, _ = table(page)
        assert third["name"] == "'=third"
        assert third["metrics.@odd"] == "'=nan()"
        assert second["params.opt"] == "'=cmd()"

    def test_it_is_not_only_a_page(self, member: Visitor, make_run: MakeRun) -> None:
        runs = [make_run() for _ in range(60)]
        found = table(member.get("/runs/csv/", {"q": "sort:created"}))
        assert [int(row["id"]) for row in found] == [run.pk for run in runs]

    def test_a_query_that_cannot_be_read(self, member: Visitor, known: list[Run]) -> None:
        assert member.get("/runs/csv/", {"q": "status:x"}).status == 422
