"""Secrets of a workspace: admins write, contributors name, viewers and strangers see nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers

from environments.services.environments import environment_bootstrap_curated
from runs.models import Attempt, Run
from runs.selectors.secrets import attempt_mask
from runs.services.secrets import attempt_secrets
from runs.services.watching import LiveAttempt
from runs.states import Status
from studio.lib.refusal import NotFound
from studio.lib.vault import decrypt, encrypt
from studio.models import AuditEvent, User, Workspace, WorkspaceSecret
from studio.services import secret_set
from tests.api.caller import Caller

MakeRun = Callable[..., Run]
VALUE = "correct-horse-battery"


@pytest.fixture
def body(target: object, digest: str, workspace: Workspace) -> dict[str, Any]:
    """A run that can be submitted."""
    environment_bootstrap_curated(workspace=workspace)
    return {"source": {"snapshot": digest}, "script": "train.py"}


@pytest.fixture
def token(workspace: Workspace, alice: User) -> WorkspaceSecret:
    """A secret of the workspace."""
    return secret_set(user=alice, workspace=workspace, name="HUB_TOKEN", value=VALUE)[0]


def test_a_value_goes_in_and_never_comes_out(
    owner: Caller, member: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = owner.put("/secrets/HUB_TOKEN", {"value": f"{VALUE}\r\n"})
    assert (made.status, made.json["changed_by"]) == (201, "owner")
    row = WorkspaceSecret.objects.get()
    assert decrypt(row.value) == VALUE
    changed = owner.put("/secrets/HUB_TOKEN", {"value": "another-value"})
    listed = member.get("/secrets")
    assert [(s["name"], s["last_used_at"]) for s in listed.json] == [("HUB_TOKEN", None)]
    assert changed.status == 200
    said = b"".join(answer.content for answer in (made, changed, listed)).decode() + caplog.text
    kept = serializers.serialize("json", [row, *AuditEvent.objects.all()])
    assert [text for text in (VALUE, "another-value") if text in said + kept] == []
    assert row.value not in said
    wanted = ["secret.add", "secret.change"]
    rows = AuditEvent.objects.filter(subject="HUB_TOKEN").order_by("pk")
    assert list(rows.values_list("action", flat=True)) == wanted


def test_roles(
    owner: Caller, member: Caller, viewer: Caller, stranger: Caller, token: WorkspaceSecret
) -> None:
    assert (member.get("/secrets").status, viewer.get("/secrets").status) == (200, 403)
    assert stranger.get("/secrets").json == []
    assert stranger.get("/secrets?workspace=main").status == 404
    for who, status in ((member, 403), (viewer, 403), (stranger, 404)):
        there = "?workspace=main"
        assert who.put(f"/secrets/HUB_TOKEN{there}", {"value": "stolen"}).status == status
        assert who.delete(f"/secrets/HUB_TOKEN{there}").status == status
    assert Caller(owner.user, scope="submit").put("/secrets/X", {"value": "xxxx"}).status == 403
    token.refresh_from_db()
    assert decrypt(token.value) == VALUE
    assert owner.delete("/secrets/HUB_TOKEN").status == 204
    assert owner.delete("/secrets/HUB_TOKEN").status == 404
    assert AuditEvent.objects.filter(action="secret.delete", subject="HUB_TOKEN").count() == 1


@pytest.mark.parametrize(
    ("name", "value", "field", "words"),
    [
        ("1TOKEN", "long enough", "name", "do not begin with a digit"),
        ("MY-TOKEN", "long enough", "name", "letters, digits and _"),
        ("T" * 65, "long enough", "name", "64 at most"),
        ("LD_PRELOAD", "long enough", "name", "choose another name"),
        ("RUNYARD_RUN", "long enough", "name", "choose another name"),
        ("TOKEN", "abc", "value", "too short to be hidden in logs"),
        ("TOKEN", "\n", "value", "is empty"),
        ("TOKEN", "abc\0def", "value", "contains a NUL character"),
        ("TOKEN", "x" * 40_000, "value", "40,000 bytes"),
    ],
)
def test_what_cannot_work_is_refused(
    owner: Caller, name: str, value: str, field: str, words: str
) -> None:
    answer = owner.put(f"/secrets/{name}", {"value": value})
    assert (answer.status, answer.json["field"]) == (422, field)
    assert words in answer.detail
    assert value.strip("\n") == "" or value not in answer.detail


class TestSubmitting:
    def test_a_run_names_what_it_needs(
        self, member: Caller, body: dict[str, Any], token: WorkspaceSecret
    ) -> None:
        made = member.post("/runs", body | {"secrets": ["HUB_TOKEN", "HUB_TOKEN"]})
        assert (made.status, made.json["secrets"]) == (201, ["HUB_TOKEN"])
        run = Run.objects.get(pk=made.json["id"])
        assert VALUE not in serializers.serialize("json", [run, *run.attempts.all()])
        again = member.post(f"/runs/{run.pk}/again")
        assert again.json["secrets"] == ["HUB_TOKEN"]

    def test_one_that_is_missing_is_refused(
        self, member: Caller, body: dict[str, Any], token: WorkspaceSecret
    ) -> None:
        answer = member.post("/runs", body | {"secrets": ["HUB_TOKNE"]})
        assert (answer.status, answer.json["field"]) == (404, "secrets")
        assert "did you mean HUB_TOKEN?" in answer.detail
        assert not Run.objects.exists()

    def test_one_of_another_workspace_is_missing(
        self, member: Caller, body: dict[str, Any], charlie: User
    ) -> None:
        theirs = Workspace.objects.exclude(slug="main").first()
        assert theirs is not None
        WorkspaceSecret.objects.create(workspace=theirs, name="THEIRS", value=encrypt(VALUE))
        assert member.post("/runs", body | {"secrets": ["THEIRS"]}).status == 404

    def test_a_name_is_given_once(
        self, member: Caller, body: dict[str, Any], token: WorkspaceSecret
    ) -> None:
        both = body | {"secrets": ["HUB_TOKEN"], "variables": {"HUB_TOKEN": "mine"}}
        answer = member.post("/runs", both)
        assert (answer.status, answer.json["field"]) == (422, "secrets")

    def test_an_environment_gives_its_own(
        self, make_run: MakeRun, member: Caller, body: dict[str, Any], token: WorkspaceSecret
    ) -> None:
        version = make_run().environment_version
        version.spec |= {"secrets": ["HUB_TOKEN"]}
        version.save()
        made = member.post("/runs", body | {"environment": "minimal"})
        assert made.json["secrets"] == ["HUB_TOKEN"]
        WorkspaceSecret.objects.all().delete()
        answer = member.post("/runs", body | {"environment": "minimal"})
        assert (answer.status, answer.json["field"]) == (404, "secrets")
        assert member.post(f"/runs/{made.json['id']}/again").status == 404


class TestLaunching:
    def test_an_attempt_keeps_what_it_was_given(
        self, make_run: MakeRun, owner: Caller, token: WorkspaceSecret
    ) -> None:
        run = make_run(secrets=["HUB_TOKEN"], secret_variables={"API_KEY": encrypt("own-key")})
        attempt = run.attempts.get()
        watched = LiveAttempt(Attempt.objects.get(pk=attempt.pk))  # before it was launched
        given = attempt_secrets(run=run, attempt=attempt)
        assert given == {"HUB_TOKEN": VALUE, "API_KEY": "own-key"}
        owner.put("/secrets/HUB_TOKEN", {"value": "a-newer-value"})
        attempt.refresh_from_db()
        assert attempt_secrets(run=run, attempt=attempt) == given  # a launch that is repeated
        assert attempt_mask(attempt) == watched.secrets() == [VALUE, "own-key"]
        assert VALUE not in serializers.serialize("json", [attempt])

    def test_its_use_is_audited_once(
        self, make_run: MakeRun, token: WorkspaceSecret, bob: User
    ) -> None:
        run = make_run(secrets=["HUB_TOKEN"])
        for _ in range(2):
            attempt_secrets(run=run, attempt=run.attempts.get())
        used = AuditEvent.objects.get(action="secret.use")
        assert (used.user, used.subject) == (bob, f"HUB_TOKEN for run {run.pk}")
        token.refresh_from_db()
        assert token.last_used_at is not None

    def test_lines_of_a_longer_value_are_hidden_too(
        self, make_run: MakeRun, workspace: Workspace, alice: User
    ) -> None:
        value = '{\n  "key": "0123456789",\n  "id": 1\n}'
        secret_set(user=alice, workspace=workspace, name="FILE", value=value)
        run = make_run(secrets=["FILE"])
        attempt = run.attempts.get()
        attempt_secrets(run=run, attempt=attempt)
        assert attempt_mask(attempt) == sorted([value, '"key": "0123456789",'])

    def test_one_that_is_gone_is_named(self, make_run: MakeRun) -> None:
        run = make_run(secrets=["HUB_TOKEN"])
        with pytest.raises(NotFound, match="no secret 'HUB_TOKEN'"):
            attempt_secrets(run=run, attempt=run.attempts.get())


class TestDeleting:
    def test_a_run_that_waits_holds_it(
        self, make_run: MakeRun, owner: Caller, token: WorkspaceSecret
    ) -> None:
        run = make_run(secrets=["HUB_TOKEN"])
        answer = owner.delete("/secrets/HUB_TOKEN")
        assert (answer.status, f"needed by run {run.pk}" in answer.detail) == (422, True)
        Run.objects.update(status=Status.RUNNING)
        assert owner.delete("/secrets/HUB_TOKEN").status == 204

    def test_an_environment_holds_it_until_it_is_archived(
        self, make_run: MakeRun, owner: Caller, token: WorkspaceSecret
    ) -> None:
        run = make_run(status=Status.COMPLETED)
        version = run.environment_version
        version.spec |= {"secrets": ["HUB_TOKEN"]}
        version.save()
        answer = owner.delete("/secrets/HUB_TOKEN")
        assert f"every run of {version}" in answer.detail
        version.archived_at = run.created_at
        version.save()
        waiting = make_run()
        assert f"run {waiting.pk}" in owner.delete("/secrets/HUB_TOKEN").detail
        Run.objects.update(status=Status.CANCELED)
        assert owner.delete("/secrets/HUB_TOKEN").status == 204
