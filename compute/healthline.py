"""How a target has been over the last day, to draw, and its last changes, to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from compute.models import ComputeTarget, HealthChange

SPAN = timedelta(days=1)
_LOOKED_AT = 100
_LEAST_KNOWN = timedelta(hours=1) / SPAN
_ANSWERS = frozenset({ComputeTarget.Health.READY, ComputeTarget.Health.FAULTY})


@dataclass(frozen=True)
class Stretch:
    """A time in which a target was the same; `at` and `width` are parts of the whole span."""

    health: str
    word: str
    began_at: datetime
    ended_at: datetime
    at: float
    width: float


@dataclass(frozen=True)
class HealthLine:
    """The last day of a target, oldest first, and what changed last, newest first."""

    stretches: Sequence[Stretch]
    changes: Sequence[HealthChange]

    @property
    def since(self) -> datetime | None:
        """Since when it is as it is; None when it never was looked at."""
        return self.changes[0].at if self.changes else None

    @property
    def answered(self) -> str:
        """How much of the time that is known it answered, like "98.6 %"; "" when it always did.

        Of less than an hour nothing is said.
        """
        known = [each for each in self.stretches if each.health != ComputeTarget.Health.UNKNOWN]
        whole = sum(each.width for each in known)
        if whole < _LEAST_KNOWN:
            return ""
        share = 100 * sum(each.width for each in known if each.health in _ANSWERS) / whole
        return f"{share:.1f} %" if share < 99.95 else ""


def target_healthline(*, target: ComputeTarget) -> HealthLine:
    """One query, however often it changed."""
    changes = list(target.health_changes.order_by("-pk")[:_LOOKED_AT])
    return HealthLine(_stretches(changes, timezone.now()), changes)


def _stretches(changes: Sequence[HealthChange], now: datetime) -> list[Stretch]:
    """What lies within the span, oldest first."""
    begin, until, found = now - SPAN, now, []
    for change in changes:
        since = max(change.at, begin)
        if since < until:
            at, width = (since - begin) / SPAN, (until - since) / SPAN
            word = change.get_health_display()
            found.append(Stretch(change.health, word, since, until, at, width))
            until = since
    return found[::-1]
