"""What the first page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from compute.models import ComputeTarget
from environments.models import Build
from runs.models import Run
from runs.selectors.runs import runs_of, runs_once
from runs.selectors.targets import TargetLoad, target_loads
from runs.selectors.waiting import runs_waiting
from runs.states import LIVE, Status
from studio.models import User, Workspace

_SHOWN = 10
_COMPLETED = 5


@dataclass(frozen=True)
class HomeFacts:
    """My runs, live and completed, what failed lately, how busy the targets are; newest first."""

    live: list[Run]
    waiting: dict[int, str]
    """What each of them waits for, by its number; empty when it does not."""
    live_count: int
    completed: list[Run]
    """My last ones."""
    failures: list[Run]
    failure_count: int
    targets: list[TargetLoad]
    is_empty: bool
    """Nobody has run anything here yet."""
    steps: FirstSteps | None
    """What is done of the first steps; None once a run of the workspace has completed."""


@dataclass(frozen=True)
class FirstSteps:
    """Which of the things that a new workspace needs are there."""

    target: bool
    environment: bool
    command_line: bool


def home_facts(*, user: User, workspace: Workspace) -> HomeFacts:
    """Everything for one caller in one workspace, in a handful of queries."""
    rows = runs_of(user=user).filter(workspace=workspace).select_related("experiment", "target")
    targets = target_loads(user=user, workspace=workspace)
    day_ago = timezone.now() - timedelta(hours=24)
    mine = rows.filter(submitted_by=user)
    live = mine.filter(pk__in=Run.objects.filter(ended_at=None, status__in=LIVE))
    failed_lately = rows.filter(status=Status.FAILED, ended_at__gt=day_ago, archived_at=None)
    shown, completed, failures = runs_once(
        live.select_related("build", "environment_version__environment")[:_SHOWN],
        mine.filter(status=Status.COMPLETED, archived_at=None)[:_COMPLETED],
        failed_lately.order_by("-ended_at")[:_SHOWN],
    )
    return HomeFacts(
        live=shown,
        waiting=runs_waiting(runs=shown),
        live_count=live.count(),
        completed=completed,
        failures=failures,
        failure_count=failed_lately.count(),
        targets=targets,
        is_empty=not rows.exists(),
        steps=_steps(user, workspace, rows, targets),
    )


def _steps(
    user: User, workspace: Workspace, runs: QuerySet[Run], targets: list[TargetLoad]
) -> FirstSteps | None:
    if runs.filter(status=Status.COMPLETED).exists():
        return None
    ready = Build.objects.filter(target__workspace=workspace, status=Build.Status.READY)
    return FirstSteps(
        target=any(load.target.health == ComputeTarget.Health.READY for load in targets),
        environment=ready.exists(),
        command_line=user.tokens.exclude(last_used_at=None).exists(),
    )
