"""What is done to many runs at once, what is said of it, and the way back."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from runs.models import Run
from runs.services import bulk
from studio.models import Workspace
from tests.api.conftest import MakeRun
from tests.pages.conftest import end
from tests.pages.visitor import Page, Visitor


@pytest.fixture
def five(make_run: MakeRun) -> list[Run]:
    """Two queued, one running, one completed, one failed."""
    runs = [make_run(name=f"run {n}", tags={"old": str(n)}) for n in range(5)]
    Run.objects.filter(pk=runs[2].pk).update(status="running", started_at=timezone.now())
    end(runs[3], "completed", "exited_zero")
    end(runs[4], "failed", "exited_nonzero")
    return runs


def do(visitor: Visitor, word: str, *runs: Run, **more: Any) -> Page:
    """Press a button of the list for these runs: the page that one comes back to."""
    page = visitor.post("/runs/bulk/", {"do": word, "run": [run.pk for run in runs], **more})
    assert page.status == 302, page.text
    return visitor.get(page.location)


def undo(visitor: Visitor, page: Page) -> Page:
    """Press the button of the toast."""
    form = re.search(r'<form method="post" action="/runs/bulk/">(.*?)</form>', page.html, re.DOTALL)
    assert form, page.text
    names = re.findall(r'name="(\w+)"\s+value="([^"]*)"', form[1])
    data = {name: html.unescape(value) for name, value in names}
    answer = visitor.post("/runs/bulk/", data)
    assert answer.status == 302
    return visitor.get(answer.location)


def states(runs: list[Run]) -> list[str]:
    by_number = Run.objects.in_bulk()
    return [by_number[run.pk].status for run in runs]


def test_cancel_says_what_ended_what_was_told_and_what_was_over(
    member: Visitor, five: list[Run]
) -> None:
    page = do(member, "cancel", *five)
    assert "Canceled 2 runs that waited. Told 1 run to stop. 2 runs were so already." in page.text
    assert states(five) == ["canceled", "canceled", "running", "completed", "failed"]
    assert Run.objects.get(pk=five[2].pk).cancel_requested_at is not None


def test_two_are_compared_and_no_other_number(member: Visitor, five: list[Run]) -> None:
    page = do(member, "compare", five[3], five[1])
    assert f"Compare run {five[3].pk} with" in page.text
    assert f'value="{five[1].pk}"' in page.html
    for runs in ((), five[:1], five[:3]):
        told = do(member, "compare", *runs)
        assert f"Two runs are compared, and {len(runs)} are chosen" in told.text


def test_a_cancel_in_the_queue_is_taken_back_to_the_old_place(
    member: Visitor, five: list[Run]
) -> None:
    first = Run.objects.get(pk=five[0].pk)
    page = do(member, "cancel", five[0], five[2])
    after = undo(member, page)
    assert "1 run waits on the old place again." in after.text
    again = Run.objects.get(pk=five[0].pk)
    for name in ("status", "end_reason", "end_sentence", "ended_at", "cancel_requested_at",
                 "canceled_by", "priority", "error"):  # fmt: skip
        assert getattr(again, name) == getattr(first, name), name
    moved = [(e.old_status, e.new_status) for e in again.events.filter(kind="moved")]
    assert moved == [("queued", "canceled"), ("canceled", "queued")]
    assert Run.objects.get(pk=five[2].pk).cancel_requested_at is not None
    assert "0 refused" not in after.text


@pytest.mark.parametrize("late", ["time", "status", "deleted", "running", "twice"])
def test_a_cancel_is_not_taken_back_too_late(late: str, member: Visitor, five: list[Run]) -> None:
    run = five[0]
    if late == "running":
        Run.objects.filter(pk=run.pk).update(status="preparing")
        end(run, "canceled", "canceled_by_user")
        run.events.filter(kind="moved").update(old_status="preparing")
    elif late != "status":
        do(member, "cancel", run)
    if late == "time":
        Run.objects.filter(pk=run.pk).update(ended_at=timezone.now() - timedelta(minutes=11))
    elif late == "deleted":
        do(member, "delete", run)
    elif late == "twice":
        do(member, "requeue", run)
    before = Run.objects.get(pk=run.pk)
    page = do(member, "requeue", run)
    sentence = {
        "time": f"Run {run.pk} was canceled over 10 minutes ago: run it again instead.",
        "status": f"Run {run.pk} is queued: there is no cancel to take back.",
        "deleted": f"Run {run.pk} is not in the lists any more.",
        "running": f"Run {run.pk} had left the queue when it was canceled: run it again instead.",
        "twice": f"Run {run.pk} is queued: there is no cancel to take back.",
    }[late]
    assert f"1 refused: {sentence}" in page.text
    assert Run.objects.get(pk=run.pk).status == before.status


def test_archive_and_back(member: Visitor, five: list[Run]) -> None:
    do(member, "archive", five[3])
    page = do(member, "archive", five[3], five[4])
    assert "Archived 1 run. 1 run was so already." in page.text
    undo(member, page)
    hidden = Run.objects.exclude(archived_at=None)
    assert list(hidden) == [five[3]]  # only what the second press hid is back


def test_tags_come_and_go_and_come_back_as_they_were(member: Visitor, five: list[Run]) -> None:
    def tags() -> list[dict[str, str]]:
        return [run.tags for run in Run.objects.order_by("pk")]

    before = tags()
    page = do(member, "tag", *five[:3], tag=" old = 1 ")
    assert "Tagged 2 runs with old = 1. 1 run was so already." in page.text
    assert [tag["old"] for tag in tags()] == ["1", "1", "1", "3", "4"]
    assert undo(member, page).status == 200
    assert tags() == before
    page = do(member, "untag", *five, tag="old")
    assert tags() == [{}] * 5
    undo(member, page)
    assert tags() == before
    page = do(member, "tag", five[0], tag="new")
    assert tags()[0] == {"old": "0", "new": ""}
    undo(member, page)
    assert tags() == before


@pytest.mark.parametrize("before", ["", "{}", "[[1,[2]]]", "[1]", "[]", '[["x","y"]]'])
def test_an_undo_that_makes_no_sense_changes_nothing(
    before: str, member: Visitor, five: list[Run]
) -> None:
    data = {"do": "retag", "run": five[0].pk, "tag": "old", "before": before}
    assert member.post("/runs/bulk/", data).status == 422
    assert Run.objects.get(pk=five[0].pk).tags == {"old": "0"}


def test_only_named_runs_get_a_value_back(member: Visitor, five: list[Run]) -> None:
    before = json.dumps([["9", [five[0].pk]]])
    do(member, "retag", five[0], five[1], tag="old", before=before)
    assert [run.tags["old"] for run in Run.objects.order_by("pk")[:2]] == ["9", "1"]


def test_delete_tells_which_are_refused_and_can_be_undone(member: Visitor, five: list[Run]) -> None:
    page = do(member, "delete", *five)
    assert "Moved 2 runs to the trash, where they stay 7 days." in page.text
    assert f"3 refused: Run {five[0].pk} is queued: cancel it and wait for its end" in page.text
    assert Run.objects.filter(deleted_at=None).count() == 3
    undo(member, page)
    assert Run.objects.filter(deleted_at=None).count() == 5


def test_an_undo_after_the_last_step_says_so(member: Visitor, five: list[Run]) -> None:
    page = do(member, "delete", five[3])
    member.post(f"/runs/{five[3].pk}/purge/", {"name": five[3].name})
    assert f"Run {five[3].pk} is not in the trash any more." in undo(member, page).text


def test_all_that_match_is_a_step_of_its_own(member: Visitor, make_run: MakeRun) -> None:
    runs = [make_run(tags={"k": "v"}) for _ in range(60)]
    other = make_run()
    newest = runs[-1].pk
    later = make_run(tags={"k": "v"})
    page = do(member, "archive", runs[0], all="1", q="tag:k", newest=str(newest))
    assert "Archived 60 runs." in page.text
    assert set(Run.objects.filter(archived_at=None)) == {other, later}
    undo(member, page)
    assert not Run.objects.exclude(archived_at=None).exists()


def test_more_than_can_be_done_at_once_is_not_offered(
    member: Visitor, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(55):
        make_run()
    assert "all 55 that match" in member.get("/runs/").text
    monkeypatch.setattr("runs.views.runs.AT_ONCE", 54)
    page = member.get("/runs/")
    assert "55 match; at most 54 at a time: narrow the filter to choose all" in page.text
    assert 'name="all"' not in page.html


def test_too_many_at_once_do_nothing(
    member: Visitor, five: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 4)
    everything = {"do": "archive", "all": "1", "q": "", "newest": five[-1].pk}
    for data in (everything, {"do": "archive", "run": [run.pk for run in five]}):
        page = member.post("/runs/bulk/", data)
        assert page.status == 422
        assert "5 runs were chosen, so nothing was done: 4 at most at a time." in page.text
    assert not Run.objects.exclude(archived_at=None).exists()


@pytest.mark.parametrize(
    ("data", "status"),
    [({"do": "explode"}, 422), ({}, 422), ({"do": "tag", "run": "1"}, 302),
     ({"do": "archive", "all": "1", "q": "status:x"}, 422)],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    data: dict[str, str], status: int, member: Visitor, five: list[Run]
) -> None:
    if data.get("do") == "tag":
        data = {**data, "run": str(five[0].pk)}
        status = 422  # no tag was written
    assert member.post("/runs/bulk/", data).status == status
    assert not Run.objects.exclude(archived_at=None).exists()


def test_nothing_chosen_is_said(member: Visitor, five: list[Run]) -> None:
    assert "Nothing was chosen: tick some runs first." in do(member, "archive").text


@pytest.mark.parametrize(
    "where", ["https://elsewhere.org/", "//elsewhere.org/", "javascript:x", ""]
)
def test_one_comes_back_to_pages_of_ours_only(where: str, member: Visitor, five: list[Run]) -> None:
    page = member.post("/runs/bulk/", {"do": "archive", "run": five[3].pk, "next": where})
    assert page.location == "/runs/"


def test_viewers_and_strangers_do_nothing(
    viewer: Visitor, stranger: Visitor, five: list[Run], workspace: Workspace
) -> None:
    words = ("cancel", "requeue", "archive", "unarchive", "tag", "untag", "delete", "restore")
    deleted = five[4]
    Run.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    before = list(Run.objects.order_by("pk").values())
    numbers = [run.pk for run in five]
    for word in words:
        data = {"do": word, "run": numbers, "tag": "x"}
        assert viewer.post("/runs/bulk/", data).status == 403, word
        assert viewer.post("/runs/bulk/", {**data, "run": []}).status == 403, word
        everything = {"do": word, "all": "1", "q": "", "newest": deleted.pk, "tag": "x"}
        assert viewer.post("/runs/bulk/", everything).status == 403, word
        answer = stranger.post("/runs/bulk/", data)
        assert answer.status in {302, 403}, word
        assert "run 3" not in stranger.get("/runs/").text
        stranger.post("/runs/bulk/", everything)
    assert list(Run.objects.order_by("pk").values()) == before
    assert 'name="run"' not in viewer.get("/runs/").html


def test_one_run_is_put_away_from_its_page_and_back(member: Visitor, five: list[Run]) -> None:
    run = five[3]
    page = member.post(f"/runs/{run.pk}/delete/")
    assert page.location == "/runs/"
    shown = member.get(page.location)
    assert f"Run {run.pk} is in the trash, where it stays 7 days." in shown.text
    gone = member.get(f"/runs/{run.pk}/")
    assert gone.status == 404
    assert "for 7 days the trash can restore it" in gone.text
    assert run.name in undo(member, shown).text
    assert member.get(f"/runs/{run.pk}/").status == 200
    canceled = member.post(f"/runs/{five[0].pk}/cancel/")
    undo(member, member.get(canceled.location))
    assert states(five)[0] == "queued"


def test_it_is_posted_by_somebody_who_is_signed_in(
    nobody: Visitor, member: Visitor, five: list[Run]
) -> None:
    paths = ["/runs/bulk/", "/runs/views/", "/runs/views/1/", "/runs/views/1/delete/"]
    for path in paths:
        page = nobody.post(path, {"do": "archive", "run": five[3].pk})
        assert (page.status, page.location.split("?")[0]) == (302, "/sign-in/"), path
        assert member.get(path).status == 405, path
    page = nobody.get(f"/runs/{five[3].pk}/purge/")
    assert (page.status, page.location.split("?")[0]) == (302, "/sign-in/")
    assert not Run.objects.exclude(archived_at=None).exists()


def test_a_run_is_restored_from_wherever_one_looks(owner: Visitor, five: list[Run]) -> None:
    owner.post("/workspace/", {"workspace": "elsewhere"})
    answer = owner.post(f"/runs/{five[3].pk}/delete/")
    assert f"Run {five[3].pk} is deleted" not in undo(owner, owner.get(answer.location)).text
    assert Run.objects.filter(pk=five[3].pk, deleted_at=None).exists()
