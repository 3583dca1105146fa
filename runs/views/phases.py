"""How long a run was in each status, read from its history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from runs.models import Run, RunEvent
from runs.states import FINAL

_WIDTH = 1000
_WORDS = {
    "queued": "queue",
    "preparing": "build",
    "starting": "start",
    "running": "run",
    "finalizing": "upload",
}


@dataclass(frozen=True)
class Phase:
    """A stretch of a run's life, and where it lies on a bar of 1,000 units."""

    status: str
    since: datetime
    seconds: float
    is_now: bool
    x: int
    width: int

    @property
    def word(self) -> str:
        """What is done in it."""
        return _WORDS.get(self.status, self.status)


def run_phases(run: Run, events: Iterable[RunEvent]) -> list[Phase]:
    """The stretches from submission to the end, or to now."""
    moves = [(run.created_at, "queued")]
    moves += [(event.at, event.new_status) for event in events if event.kind == "moved"]
    ends = [at for at, _ in moves[1:]] + [run.ended_at or timezone.now()]
    spans = [
        (status, at, max(0.0, (end - at).total_seconds()))
        for (at, status), end in zip(moves, ends, strict=True)
        if status not in FINAL
    ]
    total = sum(seconds for _, _, seconds in spans) or 1.0
    phases, x = [], 0.0
    for number, (status, since, seconds) in enumerate(spans):
        width = seconds / total * _WIDTH
        phases.append(
            Phase(
                status,
                since,
                seconds,
                is_now=not run.is_final and number == len(spans) - 1,
                x=round(x),
                width=round(x + width) - round(x),
            )
        )
        x += width
    return phases
