"""Who calls the API: the owner of a token, or whoever is signed in at the browser."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer
from ninja.utils import check_csrf

from studio.lib.refusal import Forbidden
from studio.models import ApiToken, User
from studio.services import token_use, user_seen

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SUBMITTING = {
    "POST": frozenset({"runs", "snapshots", "blobs", "imports", "sources"}),
    "PATCH": frozenset({"runs"}),
}
"""Below which of the API's addresses a token of scope "submit" may write."""


class CallerAuth(HttpBearer):
    """A token decides alone when one is sent; without one the browser's session does.

    A session proves by its CSRF token that the page itself is asking.
    """

    csrf = True

    def __call__(self, request: HttpRequest) -> User | None:
        """The caller, or None for somebody unknown."""
        if "Authorization" in request.headers:
            return cast("User | None", super().__call__(request))
        if not request.user.is_authenticated:
            return None
        if check_csrf(request) is not None:
            raise Forbidden(
                "This request does not prove that it comes from a page of the studio: reload the "
                "page and try again.",
                code="csrf",
            )
        return request.user

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """The token's owner, if the token's scope covers this request."""
        found = token_use(secret=token)
        if found is None:
            return None
        if not _covers(found.scope, request):
            raise Forbidden(
                f"This token may only {found.get_scope_display()}: make one with a wider scope.",
                code="scope",
            )
        request.user = found.user
        request.api_token = found  # type: ignore[attr-defined]  # for `caller_token`
        user_seen(user=found.user)
        return found.user


def _covers(scope: str, request: HttpRequest) -> bool:
    if scope == ApiToken.Scope.ADMIN or request.method in _READING:
        return True
    first, _, _ = request.path_info.removeprefix("/api/v1/").partition("/")
    return scope == ApiToken.Scope.SUBMIT and first in _SUBMITTING.get(request.method or "", ())


def caller_token(request: HttpRequest) -> ApiToken | None:
    """The token that the caller came with; None for a person at the browser."""
    return getattr(request, "api_token", None)


def caller(request: HttpRequest) -> User:
    """The user whom the API let in."""
    return cast("User", request.user)
