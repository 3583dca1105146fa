"""What a page of ours may load: only what this server itself serves, and no inline code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)
_HEADER = "Content-Security-Policy"


class ContentSecurityPolicy:
    """Sends the policy with every answer that does not bring its own.

    It is sync and async like the handlers around it, so that a streamed answer costs no thread.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer, with the policy on top."""
        if self.is_async:
            return self._answer_later(request)
        return _with_policy(self.get_response(request))

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        return _with_policy(await self.get_response(request))  # type: ignore[misc]  # async here


def _with_policy(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault(_HEADER, POLICY)
    return response
