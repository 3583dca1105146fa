"""People: accounts, one-time links, tokens, and the instance itself."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from studio.lib.refusal import NotFound
from studio.models import (
    ApiToken,
    AuditEvent,
    Instance,
    LoginLink,
    Membership,
    Role,
    User,
    Workspace,
)


@transaction.atomic
def user_bootstrap(*, workspace_name: str = "team") -> User:
    """The owner of this instance, with the first workspace; made once."""
    owner = User.objects.filter(is_superuser=True).order_by("pk").first()
    if owner is None:
        owner = User.objects.create_superuser("owner")
        owner.set_unusable_password()
        owner.save(update_fields=["password"])
    workspace, _ = Workspace.objects.get_or_create(slug="main", defaults={"name": workspace_name})
    Membership.objects.get_or_create(user=owner, workspace=workspace, defaults={"role": Role.ADMIN})
    return owner


def instance_key() -> str:
    """The short name of this installation in folder names on targets."""
    return _instance_key() or _instance_create()


def _instance_key() -> str:
    return Instance.objects.values_list("key", flat=True).order_by("pk").first() or ""


@transaction.atomic
def _instance_create() -> str:
    return Instance.objects.create(key=secrets.token_hex(4)).key


def login_link_create(*, user: User, ttl_s: int = 3600) -> str:
    """A secret that signs this user in once."""
    token = secrets.token_urlsafe(24)
    LoginLink.objects.create(
        user=user, digest=_digest(token), expires_at=timezone.now() + timedelta(seconds=ttl_s)
    )
    return token


def login_link_use(*, token: str) -> User:
    """Use a link up and answer whom it signs in.

    Raises:
        NotFound: it is unknown, too old, or was used.
    """
    now = timezone.now()
    rows = LoginLink.objects.filter(digest=_digest(token), used_at=None, expires_at__gt=now)
    link = rows.select_related("user").first()
    if link is None or not link.user.is_active or rows.update(used_at=now) != 1:
        raise NotFound(
            "This sign-in link was used already or is too old: 'manage.py login_link' makes a "
            "new one."
        )
    return link.user


def token_create(
    *,
    user: User,
    name: str,
    scope: str = ApiToken.Scope.ADMIN,
    expires_at: datetime | None = None,
) -> str:
    """A new API token in the clear: it is shown this once."""
    token = f"ry_{secrets.token_urlsafe(30)}"
    ApiToken.objects.create(
        user=user, name=name, digest=_digest(token), scope=scope, expires_at=expires_at
    )
    return token


def token_user(*, token: str) -> tuple[User, str] | None:
    """Whose token it is and what it may do; None when it is not valid."""
    now = timezone.now()
    row = ApiToken.objects.select_related("user").filter(digest=_digest(token)).first()
    if row is None or not row.user.is_active or (row.expires_at and row.expires_at <= now):
        return None
    if row.last_used_at is None or now - row.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row.user, row.scope


def audit(*, user: User | None, workspace: Workspace | None, action: str, subject: str) -> None:
    """Write down who did what; never a secret."""
    AuditEvent.objects.create(user=user, workspace=workspace, action=action, subject=subject)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
