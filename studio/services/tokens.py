"""Keys for REST and the command line. Only their digests are kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from studio.lib.digest import digest_of
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.lib.rows import only
from studio.models import ApiToken, User
from studio.services.access import access_changed
from studio.services.audit import audit

SCOPE_RANK = {scope: rank for rank, scope in enumerate(ApiToken.Scope.values)}
_NAME_LENGTH = 100
_MOST_DAYS = 3650


@dataclass(frozen=True)
class NewToken:
    """A token with its secret, which is shown once."""

    token: ApiToken
    secret: str


def token_create(
    *,
    user: User,
    name: str,
    scope: str = ApiToken.Scope.ADMIN,
    expires_at: datetime | None = None,
) -> str:
    """A new API token in the clear: it is shown this once."""
    return _create(user, name, scope, expires_at).secret


@transaction.atomic
def token_issue(
    *, user: User, name: str, scope: str, days: int | None, by: ApiToken | None = None
) -> NewToken:
    """A new token for oneself, for so many days or, with None, until it is revoked.

    `by` is the token that asks, if it is not the person at the browser: what it makes may do no
    more and live no longer than itself.

    Raises:
        Refused: a value cannot be.
        Forbidden: it would be more than `by` is.
    """
    name = name.strip()
    if not 1 <= len(name) <= _NAME_LENGTH:
        raise Refused(f"A token needs a name of 1 to {_NAME_LENGTH} characters.", field="name")
    if scope not in SCOPE_RANK:
        known = ", ".join(SCOPE_RANK)
        raise Refused(f"There is no scope '{scope}': it is one of {known}.", field="scope")
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise Refused(
            f"A token cannot live for {days} days: choose 1 to {_MOST_DAYS}, or no end.",
            field="days",
        )
    User.objects.select_for_update().get(pk=user.pk)  # two of one name at once are one too many
    if any(not known.is_expired for known in user.tokens.filter(name=name)):
        raise Refused(
            f"You have a token named '{name}': revoke that one first, or choose another name.",
            field="name",
        )
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    if by is not None:
        _require_within(by, scope, expires_at)
    made = _create(user, name, scope, expires_at)
    audit(user=user, workspace=None, action="token.create", subject=f"{name} ({scope})")
    return made


@transaction.atomic
def token_revoke(*, user: User, token_id: int) -> ApiToken:
    """End a token of one's own at once.

    Raises:
        NotFound: the user has no such token.
    """
    token = user.tokens.filter(pk=token_id).first()
    if token is None:
        raise NotFound(f"You have no token {token_id}: `runyard token` lists yours.")
    ApiToken.objects.filter(pk=token_id).delete()
    audit(user=user, workspace=None, action="token.revoke", subject=token.name)
    access_changed(user=user)
    return token


def token_use(*, secret: str) -> ApiToken | None:
    """The token with its user, noted as used; None when it is not valid."""
    now = timezone.now()
    token = only(ApiToken.objects.select_related("user").filter(digest=digest_of(secret)))
    if token is None or not token.user.is_active or token.is_expired:
        return None
    if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _create(user: User, name: str, scope: str, expires_at: datetime | None) -> NewToken:
    secret = f"ry_{secrets.token_urlsafe(30)}"
    token = ApiToken.objects.create(
        user=user, name=name, digest=digest_of(secret), scope=scope, expires_at=expires_at
    )
    return NewToken(token, secret)


def _require_within(by: ApiToken, scope: str, expires_at: datetime | None) -> None:
    if SCOPE_RANK[scope] > SCOPE_RANK[by.scope]:
        raise Forbidden(
            f"The token '{by.name}' may only {by.get_scope_display()}, so it cannot make one with "
            f"the scope '{scope}': make it on your Account page.",
            field="scope",
            code="scope",
        )
    if by.expires_at is not None and (expires_at is None or expires_at > by.expires_at):
        raise Forbidden(
            f"The token '{by.name}' ends on {by.expires_at:%Y-%m-%d}, and one that it makes cannot "
            "live longer: ask for fewer days, or make it on your Account page.",
            field="days",
            code="scope",
        )
