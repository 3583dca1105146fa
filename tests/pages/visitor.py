"""Looking at pages as somebody who is signed in."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client

from studio.models import User

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Page:
    """What came back."""

    status: int
    headers: Any
    content: bytes

    @property
    def html(self) -> str:
        return self.content.decode()

    @property
    def text(self) -> str:
        """What a person reads: no tags, entities resolved, white space folded."""
        body = re.sub(r"<(script|style).*?</\1>", " ", self.html, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())

    @property
    def location(self) -> str:
        """Where it sends the browser."""
        return str(self.headers.get("Location", ""))


class Visitor:
    """Somebody at a browser; None has not signed in."""

    def __init__(self, user: User | None) -> None:
        self.user = user
        self.client = Client()
        if user is not None:
            self.client.cookies[settings.SESSION_COOKIE_NAME] = _session_of(user)

    def get(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> Page:
        return _page(self.client.get(path, data, **more))

    def json(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """What an answer says, decoded."""
        return json.loads(self.get(path, data).content)

    def post(self, path: str, data: dict[str, Any] | None = None) -> Page:
        return _page(self.client.post(path, data or {}))


def _session_of(user: User) -> str:
    """The key of a session as signing in leaves it, without all else that signing in does."""
    session = SessionStore()
    session[SESSION_KEY] = user._meta.pk.value_to_string(user)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def _page(response: HttpResponseBase) -> Page:
    if isinstance(response, StreamingHttpResponse):
        content = async_to_sync(_collected)(response)
    else:
        content = response.content  # type: ignore[attr-defined]
    return Page(response.status_code, response.headers, content)


async def _collected(response: StreamingHttpResponse) -> bytes:
    return b"".join([piece async for piece in response])
