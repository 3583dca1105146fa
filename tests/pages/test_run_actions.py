"""What the head of a run's pages offers: title, copies, stopping, labels."""

from __future__ import annotations

import html
import re
import shlex
from datetime import timedelta

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from runs.models import Run, RunEvent
from runs.services.again import OF_ONE_RUN
from studio.client import submit
from studio.models import User
from tests.api.caller import Caller
from tests.api.conftest import MakeRun
from tests.pages.conftest import RunOf, end
from tests.pages.visitor import Visitor


@pytest.mark.parametrize(
    ("status", "title"),
    [("queued", "○ queued"), ("running", "● running"), ("completed", "✓ completed"),
     ("failed", "✗ failed"), ("canceled", "⊘ canceled")],
)  # fmt: skip
def test_title_and_icon_tell_the_status(
    status: str, title: str, member: Visitor, make_run: MakeRun
) -> None:
    run = make_run(name="<ridge>", status=status)
    for path in ("", "log/", "files/", "artifacts/", "environment/", "events/"):
        page = member.get(f"/runs/{run.pk}/{path}")
        shown = html.unescape(re.findall("<title>(.*?)</title>", page.html, re.DOTALL)[0])
        assert shown.strip() == f"{title} · <ridge> · {run.pk} · Runyard"
        assert f'<link rel="icon" href="/static/img/status-{status}.svg"' in page.html
    live = member.get(f"/runs/{run.pk}/live/", {"tab": "log"})
    assert f'data-icon="/static/img/status-{status}.svg"' in live.html


def stopping(run: Run, ago_s: float, **fields: object) -> None:
    asked = timezone.now() - timedelta(seconds=ago_s)
    Run.objects.filter(pk=run.pk).update(
        cancel_requested_at=asked, canceled_by=run.submitted_by, **fields
    )


def test_a_stopping_run_says_what_comes(member: Visitor, run: Run, target: ComputeTarget) -> None:
    stopping(run, 3, status="running")
    page = member.get(f"/runs/{run.pk}/")
    said = r"bob asked it to end [3-9]\.\d s ago\. It gets 10 s to end by itself, then"
    assert re.search(said, page.text)
    left = re.findall(r'<stop-clock data-left="([\d.]+)"', page.html)
    assert 0 < float(left[0]) <= 7
    assert page.html.count("alert-wait") == 1
    stopping(run, 11)
    assert "Its 10 s are over" in member.get(f"/runs/{run.pk}/log/").text
    stopping(run, 3, status="preparing")
    assert "its command will not begin" in member.get(f"/runs/{run.pk}/").text
    stopping(run, 3, status="finalizing")
    assert "what it left is being collected" in member.get(f"/runs/{run.pk}/").text
    ComputeTarget.objects.filter(pk=target.pk).update(unreachable_since=timezone.now())
    stopping(run, 30, status="running")
    page = member.get(f"/runs/{run.pk}/live/", {"tab": "overview"})
    assert "It waits for local to be reachable" in page.text
    end(run, "canceled", "canceled_by_user")
    assert "asked it to end" not in member.get(f"/runs/{run.pk}/").text


@pytest.mark.parametrize(
    "fields",
    [
        {"command": ["python", "train.py", "--", "-x", "two words"], "name": "--odd"},
        {"command": ["sh", "-c", "echo '$HOME'"], "script": "", "gpus": 0, "priority": -3},
        {"variables": {"A": "b c"}, "tags": {"k": "v", "flag": ""}, "time_limit_s": 90,
         "description": "a 'quoted'\nnote", "outputs": ["out/*", "x"]},
        {"script": "n.ipynb", "command": ["python", "-m", "papermill", "-k", "python3",
         "--log-output", "--no-progress-bar", "n.ipynb", "outputs/n.ipynb", "-p", "a", "1"]},
    ],
)  # fmt: skip
def test_the_command_line_asks_for_exactly_the_same(
    fields: dict[str, object],
    member: Visitor,
    run_of: RunOf,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, object] = {}

    def take(_: object, source: object, body: dict[str, object]) -> dict[str, object]:
        asked.update(body, source=source)
        return {"id": 0, "name": "", "url": ""}

    monkeypatch.setattr("studio.client.login.connect", lambda: None)
    monkeypatch.setattr("studio.client.gitsource.submit_there", take)
    run = run_of({"train.py": b"", "n.ipynb": b"{}"}, **fields)
    page = member.get(f"/runs/{run.pk}/")
    line = re.findall(r'data-text="(runyard submit[^"]*)"', page.html)[0]
    words = shlex.split(html.unescape(line))
    assert words[:2] == ["runyard", "submit"]
    assert submit.run(words[2:]) == 0
    made = Caller(bob).post("/runs", asked)
    again = Run.objects.get(pk=made.json["id"])
    left = OF_ONE_RUN | {"environment_why"}
    names = [f.attname for f in Run._meta.concrete_fields if f.name not in left]
    assert {n: getattr(again, n) for n in names} == {n: getattr(run, n) for n in names}


def test_secrets_stay_out_of_the_command_line(member: Visitor, make_run: MakeRun) -> None:
    run = make_run(secret_variables={"API_TOKEN": "ciphertext"})
    page = member.get(f"/runs/{run.pk}/")
    assert "--env API_TOKEN --output" in page.text
    assert "ciphertext" not in page.html


def test_labels_are_changed_in_place_and_back(member: Visitor, make_run: MakeRun) -> None:
    run = make_run(name="old", tags={"keep": "1", "gone": ""}, description="was")
    page = member.post(
        f"/runs/{run.pk}/labels/",
        {"name": " new ", "description": "line\r\n<two>", "tags": "keep=2\n\nmore = x=y "},
    )
    assert page.location == f"/runs/{run.pk}/"
    run.refresh_from_db()
    assert (run.name, run.description) == ("new", "line\n<two>")
    assert run.tags == {"keep": "2", "more": "x=y"}
    event = RunEvent.objects.get(run=run, kind="labels")
    assert event.user is not None
    shown = member.get(f"/runs/{run.pk}/")
    fields = re.findall(r'type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', shown.html)
    undo = {name: html.unescape(value) for name, value in fields if name != "csrfmiddlewaretoken"}
    assert member.post(f"/runs/{run.pk}/labels/", undo).status == 302
    run.refresh_from_db()
    assert (run.name, run.description) == ("old", "was")
    assert run.tags == {"keep": "1", "gone": ""}


def test_labels_that_cannot_be_kept_stay_in_the_form(member: Visitor, run: Run) -> None:
    page = member.post(f"/runs/{run.pk}/labels/", {"name": " ", "description": "typed"})
    assert page.status == 422
    assert "A run needs a name" in page.text
    assert ">\ntyped</textarea>" in page.html
    run.refresh_from_db()
    assert run.description == ""


def test_a_viewer_copies_but_does_not_edit(viewer: Visitor, run: Run) -> None:
    page = viewer.get(f"/runs/{run.pk}/")
    assert "runyard submit" in page.text
    assert "Edit name" not in page.text


def test_a_run_shows_its_models_first(member: Visitor, told: Run) -> None:
    page = member.get(f"/runs/{told.pk}/")
    link = f'/runs/{told.pk}/artifacts/outputs/mo%20del.pkl"'
    assert f'href="{link}' in re.sub(r"\s+", " ", page.html)
    assert "Download outputs/mo del.pkl" in page.html
