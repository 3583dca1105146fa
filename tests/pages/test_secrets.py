"""The page of secrets, and the boxes of the submit page."""

from __future__ import annotations

import pytest

from runs.models import Run
from studio.lib.vault import decrypt
from studio.models import User, Workspace, WorkspaceSecret
from studio.services import secret_set
from tests.pages.visitor import Visitor

VALUE = "correct-horse-battery"


@pytest.fixture
def token(workspace: Workspace, alice: User) -> WorkspaceSecret:
    return secret_set(user=alice, workspace=workspace, name="HUB_TOKEN", value=VALUE)[0]


def test_admins_keep_and_delete(owner: Visitor, workspace: Workspace) -> None:
    refused = owner.post("/secrets/", {"name": "no good", "value": VALUE})
    assert (refused.status, VALUE in refused.html) == (422, False)
    assert "cannot name a secret" in refused.text
    assert owner.post("/secrets/", {"name": "HUB_TOKEN", "value": VALUE}).location == "/secrets/"
    shown = owner.get("/secrets/")
    assert "HUB_TOKEN can be used now." in shown.text
    row = WorkspaceSecret.objects.get()
    assert decrypt(row.value) == VALUE
    assert [text for text in (VALUE, row.value) if text in shown.html] == []
    assert owner.post("/secrets/HUB_TOKEN/delete/").location == "/secrets/"
    assert "None yet." in owner.get("/secrets/").text
    assert owner.post("/secrets/HUB_TOKEN/delete/").status == 404


def test_others_see_what_they_may(
    member: Visitor, viewer: Visitor, stranger: Visitor, token: WorkspaceSecret
) -> None:
    shown = member.get("/secrets/")
    assert ("HUB_TOKEN" in shown.text, "Set one" in shown.text) == (True, False)
    assert viewer.get("/secrets/").status == 403
    assert 'href="/secrets/"' not in viewer.get("/runs/").html
    assert "HUB_TOKEN" not in stranger.get("/secrets/").text
    for who, status in ((member, 403), (viewer, 403), (stranger, 404)):
        assert who.post("/secrets/HUB_TOKEN/delete/").status == status
    assert member.post("/secrets/", {"name": "A", "value": VALUE}).status == 403
    assert WorkspaceSecret.objects.get() == token


def test_what_is_needed_stays(owner: Visitor, told: Run, token: WorkspaceSecret) -> None:
    Run.objects.filter(pk=told.pk).update(secrets=["HUB_TOKEN"], status="queued")
    assert owner.post("/secrets/HUB_TOKEN/delete/").location == "/secrets/"
    assert f"needed by run {told.pk}" in owner.get("/secrets/").text
    assert WorkspaceSecret.objects.exists()


def test_a_run_asks_for_them(member: Visitor, told: Run, token: WorkspaceSecret) -> None:
    form = {"source": "snapshot", "snapshot": told.snapshot.digest, "script": "train.py"}
    checked = member.post("/submit/check/", form | {"secrets": ["HUB_TOKEN"]})
    assert "--secret HUB_TOKEN" in checked.html
    made = member.post("/submit/", form | {"secrets": ["HUB_TOKEN"]})
    run = Run.objects.latest("pk")
    assert (made.location, run.secrets) == (f"/runs/{run.pk}/", ["HUB_TOKEN"])
    overview = member.get(made.location)
    assert "Secrets HUB_TOKEN of the workspace, not shown" in overview.text
    assert "--secret HUB_TOKEN" in overview.text
    again = member.get(f"/submit/?from={run.pk}")
    assert 'value="HUB_TOKEN"' in again.html
    assert "checked" in again.html.split('value="HUB_TOKEN"')[1].split(">")[0]


def test_one_that_is_gone_is_said_beside_the_box(member: Visitor, told: Run) -> None:
    form = {"source": "snapshot", "snapshot": told.snapshot.digest, "script": "train.py"}
    page = member.post("/submit/", form | {"secrets": ["GONE", "LOST"]})
    assert page.status == 422
    assert "There is no secret 'GONE' here" in page.text
    assert page.html.count("checked") >= 2
