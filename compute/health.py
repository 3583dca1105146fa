"""Noting how a target is: whether it answers, what it lacks, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from compute.models import ComputeTarget, HealthChange

_LITTLE_SPACE_BYTES = 500 * 1024 * 1024
_KEPT = 300


def target_health(
    *,
    target: ComputeTarget,
    reachable: bool,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Note that the target answered (with these facts), or that it does not since now.

    The first failure sets `unreachable_since`, later ones leave it; an answer clears it. What
    cannot be used because its image is still on the way is not judged before that is there.
    """
    rows = ComputeTarget.objects.filter(pk=target.pk)
    if not reachable and target.is_fetching:
        return
    if not reachable:
        rows.filter(unreachable_since=None).update(unreachable_since=timezone.now())
        health_note(target=target, health=ComputeTarget.Health.UNREACHABLE, reason=reason)
        return
    rows.update(unreachable_since=None)
    if facts is None:
        target.refresh_from_db()
        if target.health == ComputeTarget.Health.FAULTY:
            return  # an answer alone does not mend what was found
        facts = target.facts
    complaint = facts_complaint(facts)
    health = ComputeTarget.Health.FAULTY if complaint else ComputeTarget.Health.READY
    health_note(target=target, health=health, reason=complaint, facts=facts)


@transaction.atomic
def health_note(
    *,
    target: ComputeTarget,
    health: str,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write down how a target is, and that it changed if it was otherwise before.

    Whoever is first of several that find the same writes the change.
    """
    rows = ComputeTarget.objects.filter(pk=target.pk)
    if rows.exclude(health=health).update(health=health):
        HealthChange.objects.create(target=target, health=health, reason=reason)
        _forget_oldest(target)
    told = {} if facts is None else {"facts": dict(facts)}
    rows.update(health_reason=reason, health_at=timezone.now(), **told)
    target.refresh_from_db(
        fields=["health", "health_reason", "health_at", *told, "unreachable_since"]
    )


def facts_complaint(facts: Mapping[str, Any]) -> str:
    """What an admin should mend although the target answers."""
    if facts.get("lacks"):
        return " ".join(facts["lacks"])
    free = facts.get("disk_free_bytes")
    if isinstance(free, int) and free < _LITTLE_SPACE_BYTES:
        return (
            f"Only {free // 1024**2:,} MiB are free under {facts.get('root')}: free some space, "
            "or runs will not be able to write."
        )
    return ""


def _forget_oldest(target: ComputeTarget) -> None:
    too_old = target.health_changes.order_by("-pk").values_list("pk", flat=True)[_KEPT:][:1]
    for pk in too_old:
        target.health_changes.filter(pk__lte=pk).delete()
