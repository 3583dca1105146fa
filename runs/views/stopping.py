"""What happens to a run between the wish to end it and its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from runs.models import Run
from runs.states import Status


@dataclass(frozen=True)
class Stopping:
    """Who asked when, and what comes next; `left_s` counts down while it has time to end itself."""

    who: str
    asked_at: datetime
    step: str
    left_s: float | None = None


def run_stopping(run: Run) -> Stopping | None:
    """What happens now; None for a run that nobody asked to end, or that has ended."""
    asked_at = run.cancel_requested_at
    if asked_at is None or run.is_final:
        return None
    who = run.canceled_by.username if run.canceled_by else "Somebody"
    if run.status == Status.FINALIZING:
        return Stopping(who, asked_at, "The command ended; what it left is being collected.")
    if run.target.unreachable_since is not None:
        step = f"It waits for {run.target.name} to be reachable: only there can it be ended."
        return Stopping(who, asked_at, step)
    if run.status == Status.PREPARING:
        step = "Its environment is still being made: its command will not begin."
        return Stopping(who, asked_at, step)
    left = run.grace_s - (timezone.now() - asked_at).total_seconds()
    if left > 0:
        step = f"It gets {run.grace_s} s to end by itself, then its whole process tree is killed."
        return Stopping(who, asked_at, step, left)
    step = f"Its {run.grace_s} s are over: its whole process tree is being killed."
    return Stopping(who, asked_at, step)
