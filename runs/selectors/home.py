"""What the first page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from compute.models import ComputeTarget
from compute.selectors import target_list
from runs.models import Run
from runs.selectors.runs import runs_of
from runs.states import HOLDS_SLOT, LIVE, Status
from studio.models import User, Workspace

_SHOWN = 10


@dataclass(frozen=True)
class TargetStrip:
    """How busy one target is."""

    target: ComputeTarget
    busy: int
    queued: int


@dataclass(frozen=True)
class HomeFacts:
    """My live runs, what failed lately, how busy the targets are."""

    live: list[Run]
    failures: list[Run]
    targets: list[TargetStrip]
    is_empty: bool
    """Nobody has run anything here yet."""


def home_facts(*, user: User, workspace: Workspace) -> HomeFacts:
    """Everything for one caller in one workspace, in a handful of queries."""
    rows = runs_of(user=user).filter(workspace=workspace).select_related("experiment", "target")
    day_ago = timezone.now() - timedelta(hours=24)
    failures = rows.filter(status=Status.FAILED, ended_at__gt=day_ago, archived_at=None)
    return HomeFacts(
        live=list(rows.filter(status__in=LIVE, submitted_by=user)[:_SHOWN]),
        failures=list(failures.order_by("-ended_at")[:_SHOWN]),
        targets=[
            TargetStrip(
                target=target,
                busy=target.runs.filter(status__in=HOLDS_SLOT).count(),
                queued=target.runs.filter(status=Status.QUEUED).count(),
            )
            for target in target_list(user=user, workspace=workspace)
        ],
        is_empty=not rows.exists(),
    )
