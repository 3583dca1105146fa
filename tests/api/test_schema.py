"""Whatever fits the OpenAPI description, and what does not, is answered and never by a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core import NOT_SET
from schemathesis.schemas import APIOperation

from runs.models import Run
from studio.api_root import api
from tests.api.caller import Caller

EXAMPLES = 5
WAITS_OR_CONTACTS = {"/api/v1/runs/{ref}/follow", "/api/v1/targets/{name}/test"}


@pytest.mark.timeout(300)  # hundreds of requests, some 20 s where nobody else is at work
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_breaks_the_studio(mode: GenerationMode, owner: Caller, run: Run) -> None:
    client = Client(headers={"Authorization": f"Bearer {owner.token}"})
    for operation in _operations():

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case) -> None:
            for asked in _asked(case, run):
                status = _status(client, case, asked)
                assert status < 500, f"{status}: {case.method} {asked} {case.query} {case.body}"

        ask()


def test_every_route_that_can_refuse_says_with_what_body() -> None:
    described = api.get_openapi_schema(path_prefix="/api/v1/")
    assert described["components"]["schemas"]["ErrorOut"]["required"] == ["detail", "field", "code"]
    bodies = [
        answer.get("content")
        for methods in described["paths"].values()
        for route in methods.values()
        for status, answer in route["responses"].items()
        if status >= 400
    ]
    assert len(bodies) > 400
    told = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}}
    assert [body for body in bodies if body != told] == []


@cache
def _operations() -> list[APIOperation[Any, Any, Any, Any]]:
    schema = schemathesis.openapi.from_dict(api.get_openapi_schema(path_prefix="/api/v1/"))
    every = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in every if operation.path not in WAITS_OR_CONTACTS]


def _asked(case: Case, run: Run) -> Iterator[str]:
    """The address as it was made up, and then about what is there; reading the same once."""
    yield case.formatted_path
    known = _known(case, run)
    if case.method != "GET" or case.path_parameters:
        yield known


def _known(case: Case, run: Run) -> str:
    """The same address about something that is there."""
    there: dict[str, Any] = {"ref": run.pk, "digest": run.snapshot.digest, "name": "local"}
    if case.path.startswith("/api/v1/environments"):
        there["name"] = "minimal"
    values = {k: there.get(k, v) for k, v in (case.path_parameters or {}).items()}
    if isinstance(case.body, dict) and "source" in case.body:
        case.body["source"] = {"snapshot": run.snapshot.digest}
    return case.path.format(**{name: quote(str(value)) for name, value in values.items()})


def _status(client: Client, case: Case, path: str) -> int:
    body = b"" if case.body is NOT_SET else json.dumps(case.body, default=str).encode()
    query = urlencode(case.query or {}, doseq=True, errors="surrogatepass")
    headers = {"content_type": "application/json", "QUERY_STRING": query}
    return client.generic(case.method, path, body, **headers).status_code
