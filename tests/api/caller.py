"""Calling the API as somebody."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client

from studio.models import User
from studio.services import token_create


def address(path: str) -> str:
    """A route's path with something in the place of each parameter: 1 for numbers, else x."""
    return re.sub(r"\{(\w+)\}", lambda name: "1" if name[1].endswith(("ref", "_id")) else "x", path)


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    headers: Any
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def detail(self) -> str:
        return str(self.json["detail"])


class Caller:
    """Somebody with a token; None sends none."""

    def __init__(self, user: User | None, scope: str = "admin") -> None:
        self.user = user
        token = token_create(user=user, name="test", scope=scope) if user else ""
        self.token = token
        self._client = Client(headers={"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str, **more: Any) -> Answer:
        return _answer(self._client.get(f"/api/v1{path}", **more))

    def delete(self, path: str) -> Answer:
        return _answer(self._client.delete(f"/api/v1{path}"))

    def patch(self, path: str, body: object) -> Answer:
        return _answer(
            self._client.patch(f"/api/v1{path}", json.dumps(body), content_type="application/json")
        )

    def put(self, path: str, body: object) -> Answer:
        return _answer(
            self._client.put(f"/api/v1{path}", json.dumps(body), content_type="application/json")
        )

    def post(self, path: str, body: object = None) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return _answer(self._client.post(f"/api/v1{path}", data, content_type="application/json"))


def _answer(response: HttpResponseBase) -> Answer:
    if isinstance(response, StreamingHttpResponse):
        content = async_to_sync(_collected)(response)
    else:
        content = response.content  # type: ignore[attr-defined]
    return Answer(response.status_code, response.headers, content)


async def _collected(response: StreamingHttpResponse) -> bytes:
    return b"".join([piece async for piece in response])
