"""One-time links: how somebody signs in for the first time, or without a password."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.utils import timezone

from studio.lib.digest import digest_of
from studio.lib.refusal import NotFound
from studio.models import LoginLink, User

LINK_S = 3600
INVITATION_S = 3 * 86400
"""A link for a colleague: it lasts over a weekend."""


def login_link_create(*, user: User, ttl_s: int = LINK_S) -> str:
    """A secret that signs this user in once."""
    token = secrets.token_urlsafe(24)
    LoginLink.objects.create(
        user=user, digest=digest_of(token), expires_at=timezone.now() + timedelta(seconds=ttl_s)
    )
    return token


def login_link_use(*, token: str) -> User:
    """Use a link up and answer whom it signs in.

    Raises:
        NotFound: it is unknown, too old, or was used.
    """
    now = timezone.now()
    rows = LoginLink.objects.filter(digest=digest_of(token), used_at=None, expires_at__gt=now)
    link = rows.select_related("user").first()
    if link is None or not link.user.is_active or rows.update(used_at=now) != 1:
        raise NotFound(
            "This sign-in link was used already or is too old: `runyard link` makes a new one, "
            "and so does an admin of your workspace on the People page."
        )
    return link.user


def login_links_end(*, user: User) -> None:
    """Make the links of this user that were not used useless."""
    user.login_links.filter(used_at=None).update(expires_at=timezone.now())
