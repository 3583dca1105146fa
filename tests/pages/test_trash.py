"""The trash: nothing else shows what lies in it, and the last step asks for a name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from runs.models import Run
from runs.stores import log_store
from tests.api.caller import Caller
from tests.api.conftest import MakeRun
from tests.pages.visitor import Visitor


@pytest.fixture
def deleted(told: Run, member: Visitor) -> Run:
    member.post(f"/runs/{told.pk}/delete/")
    member.get("/runs/")  # what was said of it is read
    told.refresh_from_db()
    assert told.deleted_at is not None
    return told


def test_only_the_trash_shows_it(
    member: Visitor, viewer: Visitor, deleted: Run, make_run: MakeRun
) -> None:
    make_run(name="another")
    lists = ("/", "/runs/", "/runs/?q=is:archived", "/sources/", "/runs/csv/", "/targets/local/")
    parts = (f"/runs/rows/?ids={deleted.pk}", "/runs/complete/?q=name:wo", "/submit/")
    for path in (*lists, *parts):
        assert deleted.name not in member.get(path).text, path
    for tab in ("", "log/", "files/", "artifacts/", "events/", "live/", "log/raw/"):
        assert member.get(f"/runs/{deleted.pk}/{tab}").status == 404, tab
    for visitor in (member, viewer):
        page = visitor.get("/runs/trash/")
        assert deleted.name in page.text
        assert "7 days more" in page.text
    assert "delete for ever" not in viewer.get("/runs/trash/").text


def test_no_name_or_id_finds_it(deleted: Run, make_run: MakeRun) -> None:
    caller = Caller(deleted.submitted_by)
    for ref in (deleted.name, deleted.uid, str(deleted.pk), "last"):
        assert caller.get(f"/runs/{ref}").status == 404, ref
    newer = make_run(name=deleted.name)
    assert caller.get(f"/runs/{deleted.name}").json["id"] == newer.pk
    assert caller.get("/runs").json["total"] == 1
    (experiment,) = caller.get("/experiments").json
    assert experiment["runs"] == 1


def test_over_rest(deleted: Run, stranger: Visitor, viewer: Visitor) -> None:
    member, reader, outsider = (
        Caller(user) for user in (deleted.submitted_by, viewer.user, stranger.user)
    )
    path = f"/runs/{deleted.pk}"
    assert outsider.post(f"{path}/restore").status == 404
    assert reader.post(f"{path}/restore").status == 403
    assert member.post(f"/runs/{deleted.name}/restore").status == 404
    assert member.post(f"{path}/restore").json["id"] == deleted.pk
    assert member.post(f"{path}/restore").status == 404
    assert member.delete(path).json["artifacts"] == 1
    assert reader.delete(f"{path}?forever=true").status == 403
    assert outsider.delete(f"{path}?forever=true").status == 404
    assert member.delete(f"{path}?forever=true").json["artifacts"] == 1
    assert not Run.objects.filter(pk=deleted.pk).exists()


def test_the_last_step_wants_the_name(
    member: Visitor, viewer: Visitor, stranger: Visitor, deleted: Run
) -> None:
    path = f"/runs/{deleted.pk}/purge/"
    assert viewer.get(path).status == 403
    assert stranger.get(path).status == 404
    assert viewer.post(path, {"name": deleted.name}).status == 403
    assert stranger.post(path, {"name": deleted.name}).status == 404
    assert "1 artifact: 7 B" in member.get(path).text
    wrong = member.post(path, {"name": "wolfram"})
    assert wrong.status == 422
    assert "This is not its name" in wrong.text
    assert Run.objects.filter(pk=deleted.pk).exists()
    done = member.post(path, {"name": deleted.name})
    assert done.location == "/runs/trash/"
    assert f"Run {deleted.pk} is gone" in member.get("/runs/trash/").text
    assert not Run.objects.filter(pk=deleted.pk).exists()
    assert not log_store().keys(f"run/{deleted.pk}/")


def test_what_is_not_in_the_trash_is_not_purged(member: Visitor, told: Run) -> None:
    assert member.post(f"/runs/{told.pk}/purge/", {"name": told.name}).status == 404
    assert Run.objects.filter(pk=told.pk).exists()


def test_the_days_that_are_left(member: Visitor, deleted: Run) -> None:
    Run.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now() - timedelta(days=6.5))
    assert "1 day more" in member.get("/runs/trash/").text


def test_an_empty_trash_says_what_it_is_for(member: Visitor, told: Run) -> None:
    assert "Nothing is deleted." in member.get("/runs/trash/").text


def test_the_trash_has_pages(member: Visitor, make_run: MakeRun) -> None:
    for n in range(55):
        make_run(name=f"gone-{n}", status="failed", deleted_at=timezone.now())
    assert "page 1 of 2" in member.get("/runs/trash/").text
    second = member.get("/runs/trash/", {"page": "2"})
    assert second.html.count('<tr id="run-') == 5
