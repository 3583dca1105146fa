"""One's own tokens over REST, and what each scope may do on every route there is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from studio.api_root import api
from studio.lib.refusal import Forbidden
from studio.models import ApiToken, AuditEvent, User
from studio.services import token_create, token_issue, token_use
from tests.api.caller import Caller, address

SUBMITS = {
    "/runs",
    "/runs/preflight",
    "/runs/{ref}/again",
    "/runs/{ref}/cancel",
    "/runs/{ref}/archive",
    "/runs/{ref}/unarchive",
    "/runs/{ref}/restore",
    "/runs/{ref}/extra-files",
    "/snapshots",
    "/snapshots/plan",
    "/blobs",
    "/imports/{import_id}/cancel",
    "/sources",
    "/sources/{name}/snapshots",
}
"""Where a token of scope "submit" may post to."""


def routes() -> list[tuple[str, str]]:
    """Every method and path of the API."""
    return [
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items()
        for method in methods
    ]


def code_of(caller: Caller, method: str, path: str) -> str:
    """The word with which a request with an empty body is refused; "" if it is not."""
    client = Client(headers={"Authorization": f"Bearer {caller.token}"})
    where = f"/api/v1{address(path)}"
    answer = client.generic(method, where, b"{}", content_type="application/json")
    is_refusal = answer.status_code >= 400
    return str(answer.json()["code"]) if is_refusal else ""


class TestScopes:
    def test_a_reading_token_writes_nowhere(self, alice: User) -> None:
        reader = Caller(alice, scope="read")
        passed = {(m, p) for m, p in routes() if code_of(reader, m, p) != "scope"}
        assert passed == {(m, p) for m, p in routes() if m == "GET"}

    def test_a_submitting_token_posts_only_what_runs_need(self, alice: User) -> None:
        submitter = Caller(alice, scope="submit")
        passed = {(m, p) for m, p in routes() if code_of(submitter, m, p) != "scope"}
        assert {(m, p) for m, p in passed if m != "GET"} == {
            *(("POST", path) for path in SUBMITS),
            ("PATCH", "/runs/{ref}"),
        }
        assert {p for m, p in passed if m == "GET"} == {p for m, p in routes() if m == "GET"}

    def test_a_route_that_only_begins_alike_is_not_meant(self, bob: User) -> None:
        submitter = Caller(bob, scope="submit")
        for path in ("/runsomething", "/runs/../people", "//people", "/people/runs"):
            assert submitter.post(path, {"name": "eve"}).status in {403, 404, 405}
        assert not User.objects.filter(username="eve").exists()

    @pytest.mark.parametrize("scope", ["read", "submit"])
    def test_no_smaller_token_becomes_a_key_to_everything(self, alice: User, scope: str) -> None:
        caller = Caller(alice, scope=scope)
        before = ApiToken.objects.count()
        for wanted in ("read", "submit", "admin"):
            assert caller.post("/tokens", {"name": "x", "scope": wanted}).status == 403
        assert caller.post("/me/link").status == 403
        assert caller.post("/people/owner/link").status == 403
        assert ApiToken.objects.count() == before
        assert not alice.login_links.exists()


class TestCeiling:
    """What a token makes may do no more and live no longer than itself."""

    @pytest.mark.parametrize("own", ["read", "submit", "admin"])
    @pytest.mark.parametrize("wanted", ["read", "submit", "admin"])
    def test_scope(self, bob: User, own: str, wanted: str) -> None:
        by = token_use(secret=token_create(user=bob, name="by", scope=own))
        order = ["read", "submit", "admin"]
        if order.index(wanted) <= order.index(own):
            assert token_issue(user=bob, name="x", scope=wanted, days=1, by=by).secret
        else:
            with pytest.raises(Forbidden, match="The token 'by' may only"):
                token_issue(user=bob, name="x", scope=wanted, days=1, by=by)

    def test_life(self, bob: User) -> None:
        ends = timezone.now() + timedelta(days=10)
        client = Client(
            headers={
                "Authorization": f"Bearer {token_create(user=bob, name='by', expires_at=ends)}"
            }
        )

        def make(name: str, days: int | None) -> int:
            body = {"name": name, "scope": "read", "days": days}
            return client.post("/api/v1/tokens", body, content_type="application/json").status_code

        assert (make("a", 9), make("b", 11), make("c", None)) == (201, 403, 403)


class TestOwn:
    @pytest.mark.parametrize("who", ["owner", "member", "viewer", "stranger"])
    def test_everybody_makes_lists_and_revokes_theirs(
        self, who: str, bob: User, request: pytest.FixtureRequest
    ) -> None:
        caller: Caller = request.getfixturevalue(who)
        made = caller.post("/tokens", {"name": "nightly"})
        assert made.status == 201
        assert made.json["scope"] == "submit"
        found = token_use(secret=made.json["token"])
        assert found is not None
        assert found.user == caller.user
        listed = caller.get("/tokens").json
        assert [token["name"] for token in listed] == ["nightly", "test"]
        assert "token" not in listed[0]
        assert made.json["token"] not in str(list(AuditEvent.objects.values()))
        assert caller.delete(f"/tokens/{made.json['id']}").status == 204
        assert token_use(secret=made.json["token"]) is None

    def test_of_others_nothing_is_known(self, member: Caller, owner: Caller) -> None:
        theirs = ApiToken.objects.get(user=member.user)
        assert owner.delete(f"/tokens/{theirs.pk}").status == 404
        assert [token["name"] for token in owner.get("/tokens").json] == ["test"]
        assert member.get("/me").status == 200

    def test_a_token_revokes_itself(self, member: Caller) -> None:
        own = ApiToken.objects.get(user=member.user)
        assert member.delete(f"/tokens/{own.pk}").status == 204
        assert member.get("/me").status == 401

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "n" * 101}, "name"),
            ({"name": "test"}, "name"),
            ({"scope": "all"}, "scope"),
            ({"days": 0}, "days"),
            ({"days": 10**12}, "days"),
        ],
    )
    def test_what_cannot_be_names_its_field(
        self, member: Caller, change: dict[str, object], field: str
    ) -> None:
        answer = member.post("/tokens", {"name": "x"} | change)
        assert (answer.status, answer.json["field"]) == (422, field)

    def test_the_name_of_one_that_ended_is_free(self, bob: User) -> None:
        gone = timezone.now() - timedelta(days=1)
        token_create(user=bob, name="nightly", expires_at=gone)
        assert Caller(bob).post("/tokens", {"name": "nightly"}).status == 201

    def test_use_is_noted(self, member: Caller) -> None:
        member.get("/me")
        assert member.get("/tokens").json[0]["last_used_at"] is not None
        user = User.objects.get(username="bob")
        assert user.last_seen_at is not None
