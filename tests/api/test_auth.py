"""Who the API lets in, and how it refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runs.models import Run
from studio.api_root import api
from studio.models import User
from studio.services import token_create
from tests.api.caller import Caller, address


def test_a_token_names_its_owner(member: Caller) -> None:
    assert member.get("/me").json == {
        "user": "bob",
        "is_owner": False,
        "workspaces": [{"slug": "main", "name": "team", "role": "contributor"}],
        "version": member.get("/me").json["version"],
    }


def test_nobody_is_told_how_to_log_in(nobody: Caller) -> None:
    answer = nobody.get("/me")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert "`runyard login URL --token T`" in answer.detail
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_no_route_answers_somebody_unknown(db: None) -> None:
    routes = [
        (method, address(path))
        for path, methods in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items()
        for method in methods
    ]
    assert len(routes) > 30
    client = Client()
    for method, path in routes:
        assert client.generic(method.upper(), path, b"{}").status_code == 401, (method, path)


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Basic YTpi", "Bearer  "])
def test_a_wrong_token_is_refused(db: None, header: str) -> None:
    assert Client(headers={"Authorization": header}).get("/api/v1/me").status_code == 401


def test_a_token_ends_with_its_time_and_with_its_owner(bob: User) -> None:
    old = token_create(user=bob, name="old", expires_at=timezone.now() - timedelta(seconds=1))
    good = token_create(user=bob, name="good")

    def status(token: str) -> int:
        return Client(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/me").status_code

    assert (status(old), status(good)) == (401, 200)
    bob.is_active = False
    bob.save()
    assert status(good) == 401


def test_a_wrong_token_is_refused_although_a_session_would_do(bob: User) -> None:
    client = Client(headers={"Authorization": "Bearer wrong"})
    client.force_login(bob)
    assert client.get("/api/v1/me").status_code == 401


def test_a_session_reads_and_writes_only_from_our_own_pages(bob: User, run: Run) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.get("/api/v1/me").json()["user"] == "bob"
    refused = client.post(f"/api/v1/runs/{run.pk}/archive")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    client.get("/sign-in/")  # pages with forms set the cookie
    client.cookies["csrftoken"] = "a" * 32
    accepted = client.post(f"/api/v1/runs/{run.pk}/archive", headers={"X-CSRFToken": "a" * 32})
    assert accepted.status_code == 200


def test_a_reading_token_only_reads(bob: User, run: Run) -> None:
    reader = Caller(bob, scope="read")
    assert reader.get(f"/runs/{run.pk}").status == 200
    refused = reader.post(f"/runs/{run.pk}/cancel")
    assert (refused.status, refused.json["code"]) == (403, "scope")
    assert "may only read" in refused.detail


def test_a_submitting_token_submits_and_cancels_but_deletes_nothing(bob: User, run: Run) -> None:
    submitter = Caller(bob, scope="submit")
    assert submitter.post(f"/runs/{run.pk}/cancel").status == 200
    assert submitter.patch(f"/runs/{run.pk}", {"tags": {"kept": ""}}).status == 200
    assert submitter.patch("/targets/local", {"slots": 9}).json["code"] == "scope"
    assert submitter.delete(f"/runs/{run.pk}").json["code"] == "scope"
    assert submitter.post("/environments", {"name": "e"}).json["code"] == "scope"


def test_an_address_that_is_not_there(member: Caller) -> None:
    answer = member.get("/nothing/at/all")
    assert (answer.status, answer.detail) == (404, "There is nothing at /api/v1/nothing/at/all.")


def test_a_wrong_method_is_a_sentence_that_names_the_right_ones(member: Caller, run: Run) -> None:
    answer = member.put(f"/runs/{run.pk}/cancel", {})
    assert (answer.status, answer.json["code"]) == (405, "method")
    assert answer.detail == f"/api/v1/runs/{run.pk}/cancel does not know PUT: it takes POST."
    assert answer.headers["Allow"] == "POST"


def test_the_documentation_is_served_by_us_alone(db: None) -> None:
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200
    text = page.content.decode()
    assert "//cdn" not in text
    assert "https://" not in text
    schema = Client().get("/api/v1/openapi.json").json()
    assert "/api/v1/runs/{ref}/follow" in schema["paths"]
