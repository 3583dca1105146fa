"""Websockets only from our own pages: a cookie alone does not say which page opened the socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings

Application = Callable[[Any, Any, Any], Awaitable[Any]]


class SameOrigin:
    """Lets a socket pass when its Origin names the host that it was opened to.

    Behind a proxy, RUNYARD_PUBLIC_URL is the other origin that counts. Browsers always send
    an Origin; what sends none is no browser, and is refused too.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """Pass the socket on, or close it."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = urlsplit(headers.get(b"origin", "")).netloc
        ours = {headers.get(b"host", ""), urlsplit(settings.PUBLIC_URL).netloc} - {""}
        inner = self._application if origin in ours else WebsocketDenier()
        return await inner(scope, receive, send)
