"""The history of a run: each thing that happened, and how long it took until then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from runs.models import Run, RunEvent


@dataclass(frozen=True)
class Moment:
    """An event, and the seconds since the one before it; the first follows the submission."""

    event: RunEvent
    gap_s: float


def run_moments(run: Run, events: Iterable[RunEvent]) -> list[Moment]:
    """The events with the time between them, oldest first."""
    before: datetime = run.created_at
    moments = []
    for event in events:
        moments.append(Moment(event, max(0.0, (event.at - before).total_seconds())))
        before = event.at
    return moments
