"""Who was here, and what happens to open connections when somebody's rights change."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from studio.lib.push import push
from studio.models import User

_SEEN_EVERY = timedelta(minutes=1)


def access_changed(*, user: User) -> None:
    """Have every open connection of this user checked anew; one that may not be any more ends."""
    push(f"user.{user.pk}", {"type": "access.changed"})


def user_seen(*, user: User) -> None:
    """Note that the user was here, at most once a minute."""
    now = timezone.now()
    if user.last_seen_at is None or now - user.last_seen_at > _SEEN_EVERY:
        User.objects.filter(pk=user.pk).update(last_seen_at=now)
