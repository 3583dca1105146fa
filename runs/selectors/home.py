"""What the first page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from runs.models import Run
from runs.selectors.runs import runs_of
from runs.selectors.targets import TargetLoad, target_loads
from runs.states import LIVE, Status
from studio.models import User, Workspace

_SHOWN = 10


@dataclass(frozen=True)
class HomeFacts:
    """My live runs, what failed lately, how busy the targets are; the newest of each."""

    live: list[Run]
    live_count: int
    failures: list[Run]
    failure_count: int
    targets: list[TargetLoad]
    is_empty: bool
    """Nobody has run anything here yet."""


def home_facts(*, user: User, workspace: Workspace) -> HomeFacts:
    """Everything for one caller in one workspace, in a handful of queries."""
    rows = runs_of(user=user).filter(workspace=workspace).select_related("experiment", "target")
    day_ago = timezone.now() - timedelta(hours=24)
    live = rows.filter(status__in=LIVE, submitted_by=user)
    failures = rows.filter(status=Status.FAILED, ended_at__gt=day_ago, archived_at=None)
    return HomeFacts(
        live=list(live[:_SHOWN]),
        live_count=live.count(),
        failures=list(failures.order_by("-ended_at")[:_SHOWN]),
        failure_count=failures.count(),
        targets=target_loads(user=user, workspace=workspace),
        is_empty=not rows.exists(),
    )
