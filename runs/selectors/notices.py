"""Reading how somebody wants to hear of ended runs, and what came of it."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from runs.models import Delivery, Notices
from studio.models import User

SHOWN = 30
PATIENCE = timedelta(seconds=3)
"""The hint that comes with a new message is given this long before the sweep repeats it."""
_AT_ONCE = 100


def notices_of(*, user: User) -> Notices:
    """What the user asked for; one that asked for nothing yet has an unsaved row."""
    return Notices.objects.filter(user=user).first() or Notices(user=user)


def deliveries_of(*, user: User) -> QuerySet[Delivery]:
    """The user's newest messages."""
    return Delivery.objects.filter(user=user).select_related("run")[:SHOWN]


def deliveries_due() -> list[int]:
    """Messages whose time has come, the longest overdue first."""
    rows = Delivery.objects.filter(next_at__lt=Now() - PATIENCE).order_by("next_at")
    return list(rows.values_list("pk", flat=True)[:_AT_ONCE])
