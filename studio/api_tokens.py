"""One's own tokens over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from studio.api_auth import caller, caller_token
from studio.api_types import REFUSALS, In, Text
from studio.models import ApiToken
from studio.selectors import token_list
from studio.services import token_issue, token_revoke

router = Router(tags=["people"])


class TokenIn(In):
    """A token to make; `days` null for one without an end."""

    name: Text
    scope: Text = "submit"
    days: int | None = 90


class TokenOut(Schema):
    """A token, without its secret."""

    id: int
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime | None
    is_expired: bool
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    """A token with its secret, which is shown this once."""

    token: str


def _facts(token: ApiToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenOut.model_fields}


@router.get("", response={200: list[TokenOut], **REFUSALS}, summary="List my tokens")
def tokens(request: HttpRequest) -> list[TokenOut]:
    """The caller's tokens, newest first."""
    return [TokenOut(**_facts(token)) for token in token_list(user=caller(request))]


@router.post("", response={201: NewTokenOut, **REFUSALS}, summary="Make a token")
def create(request: HttpRequest, payload: TokenIn) -> Status[NewTokenOut]:
    """A token for oneself; a token makes none that may more or lives longer than it does."""
    made = token_issue(user=caller(request), by=caller_token(request), **payload.dict())
    return Status(201, NewTokenOut(**_facts(made.token), token=made.secret))


@router.delete("/{token_id}", response={204: None, **REFUSALS}, summary="Revoke a token")
def revoke(request: HttpRequest, token_id: int) -> Status[None]:
    """End one of the caller's tokens at once."""
    token_revoke(user=caller(request), token_id=token_id)
    return Status(204, None)
