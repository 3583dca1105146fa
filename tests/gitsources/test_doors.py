"""Git sources from the page and over REST; tests/end_to_end has the command line."""

from __future__ import annotations

import pytest

from runs.jobs import import_source
from runs.models import Run, SourceImport
from studio.models import User
from tests.api.caller import Caller
from tests.gitsources.repositories import Repository
from tests.pages.visitor import Visitor

pytestmark = pytest.mark.usefixtures("place")


def test_rest_answers_with_an_import_that_ends_in_a_run(
    member: Caller, repository: Repository, vera: User, charlie: User
) -> None:
    source = {"git": {"url": str(repository.path), "ref": "main"}}
    taken = member.post("/runs", {"source": source, "script": "train.py"})
    assert taken.status == 202
    assert (taken.json["status"], taken.json["run"]) == ("queued", None)
    path = f"/imports/{taken.json['id']}"
    import_source(taken.json["id"])
    done = Caller(vera).get(path).json
    assert (done["status"], done["waiting"], done["error"]) == ("done", "", "")
    run = member.get(f"/runs/{done['run']}").json
    assert (run["experiment"], run["git"]["commit"]) == ("ridge", repository.head)
    assert Caller(charlie).get(path).status == 404
    assert Caller(charlie).post(f"{path}/cancel").status == 404
    assert Caller(vera).post(f"{path}/cancel").status == 403


def test_rest_refuses_with_the_field(member: Caller, repository: Repository) -> None:
    for source in ({}, {"git": {"url": "/x"}, "folder": "/x"}, {"git": {"ref": "main"}}):
        assert member.post("/runs", {"source": source, "script": "train.py"}).status == 422
    answer = member.post("/runs", {"source": {"git": {"url": "ext::sh"}}, "script": "train.py"})
    assert (answer.status, answer.json["field"]) == (422, "source")
    assert not SourceImport.objects.exists()


def test_a_token_that_may_submit_may_import_and_cancel(bob: User, repository: Repository) -> None:
    caller = Caller(bob, scope="submit")
    body = {"source": {"git": {"url": str(repository.path)}}, "script": "train.py"}
    number = caller.post("/runs", body).json["id"]
    assert caller.post(f"/imports/{number}/cancel").json["status"] == "canceled"
    assert Caller(bob, scope="read").post(f"/imports/{number}/cancel").status == 403


def test_the_page_follows_an_import_to_its_run(bob: User, repository: Repository) -> None:
    member = Visitor(bob)
    given = {"source": "git", "git": str(repository.path), "script": "train.py"}
    page = member.post("/submit/", given)
    found = SourceImport.objects.get()
    assert (page.status, page.location) == (302, f"/imports/{found.pk}/")
    shown = member.get(page.location)
    assert str(repository.path) in shown.text
    assert "No worker is running" in shown.text or "does not answer" in shown.text
    assert "hx-trigger" in member.get(f"/imports/{found.pk}/live/").html
    import_source(found.pk)
    run = Run.objects.get()
    live = member.get(f"/imports/{found.pk}/live/")
    assert live.headers["HX-Redirect"] == f"/runs/{run.pk}/"
    assert member.get(page.location).location == f"/runs/{run.pk}/"
    assert "none: exactly this commit" in member.get(f"/runs/{run.pk}/").text


def test_a_refused_import_leads_back_to_the_filled_form(
    bob: User, vera: User, charlie: User, repository: Repository
) -> None:
    member = Visitor(bob)
    member.post(
        "/submit/",
        {"source": "git", "git": str(repository.path), "git_ref": "mian", "script": "train.py",
         "arguments": "--name 'two words'", "variables": "A=1\nMY_TOKEN=hush"},
    )  # fmt: skip
    found = SourceImport.objects.get()
    import_source(found.pk)
    page = member.get(f"/imports/{found.pk}/")
    assert "did you mean main?" in page.text
    assert f"/submit/?import={found.pk}" in page.html
    form = member.get("/submit/", {"import": str(found.pk)})
    assert 'value="mian"' in form.html
    assert "--name &#x27;two words&#x27;" in form.html
    assert "A=1\nMY_TOKEN=</textarea>" in form.html
    assert "hush" not in form.html
    assert "Change and submit" not in Visitor(vera).get(f"/imports/{found.pk}/").text
    assert Visitor(charlie).get("/submit/", {"import": str(found.pk)}).status == 404


def test_the_page_cancels_an_import(bob: User, repository: Repository) -> None:
    member = Visitor(bob)
    given = {"source": "git", "git": str(repository.path), "script": "train.py"}
    where = member.post("/submit/", given).location
    assert member.post(f"{where}cancel/").location == where
    assert "canceled" in member.get(where).text
    assert not Run.objects.exists()
