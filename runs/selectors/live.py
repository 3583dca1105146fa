"""What a live connection may see: each answer is checked against the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from environments.models import Build
from runs.models import Run
from runs.selectors.runs import run_get
from runs.selectors.waiting import run_waiting
from runs.stores import log_store
from studio.lib.numbers import whole_number
from studio.lib.refusal import NotFound
from studio.models import User
from studio.selectors import workspace_for, workspaces_of


def is_current(user: User) -> bool:
    """Whether a connection that this user opened still stands: nothing ended their sessions."""
    return User.objects.filter(pk=user.pk, is_active=True, password=user.password).exists()


@dataclass(frozen=True)
class LogView:
    """A log that somebody may read: its key in the store, and who announces its growth."""

    key: str
    group: str
    times: str = ""
    """The key of its target's notes on when it grew; empty for a log without them."""
    attempt: int = 0
    """Which attempt of a run wrote it; 0 for what has no attempts."""


def workspace_group(user: User, slug: str) -> str:
    """The group that hears of every run of a workspace."""
    return f"workspace.{workspace_for(user=user, slug=slug).pk}"


def environments_group(user: User, slug: str) -> str:
    """The group that hears of every build and update of packages of a workspace."""
    return f"environments.{workspace_for(user=user, slug=slug).pk}"


def run_status(user: User, run_id: int) -> dict[str, Any]:
    """The few words that a page needs at once when a run moves."""
    run = run_get(user=user, ref=str(run_id))
    return {
        "id": run.pk,
        "status": run.status,
        "reason": run.end_reason,
        "waiting": run_waiting(run=run),
        "cancel_requested": run.cancel_requested_at is not None,
    }


def ended_run(user: User, run_id: int) -> dict[str, Any]:
    """What a page tells somebody whose run ended."""
    run = run_get(user=user, ref=str(run_id))
    return {
        "id": run.pk,
        "name": run.name,
        "status": run.status,
        "sentence": run.end_sentence,
    }


def log_view(user: User, name: str, stream: str) -> LogView:
    """The log "run/42" or "build/7" of something the user may see."""
    kind, _, number = name.partition("/")
    if kind == "run":
        return run_log_view(run_get(user=user, ref=number), stream)
    build = whole_number(number)
    if kind == "build" and build is not None:
        return build_log_view(user, build)
    raise NotFound(f"There is no log '{name}'.")


def run_log_view(run: Run, stream: str) -> LogView:
    """A stream of the newest attempt of a run."""
    attempt = run.attempts.order_by("-number").first()
    key = f"{attempt.task}/{stream}" if attempt is not None else ""
    try:
        log_store().size(key)  # one that is not there yet is empty
    except (ValueError, OSError) as error:  # the store can have none of that name
        raise NotFound(f"Run {run.pk} has no log '{stream}'.") from error
    times = f"{attempt.task}/times" if attempt is not None and stream == "run.log" else ""
    number = attempt.number if attempt is not None else 0
    return LogView(key=key, group=f"run.{run.pk}", times=times, attempt=number)


def build_log_view(user: User, build_id: int) -> LogView:
    """The log of a build in one of the user's workspaces."""
    build = Build.objects.filter(
        pk=build_id, target__workspace__in=workspaces_of(user=user)
    ).first()
    if build is None:
        raise NotFound(f"There is no build {build_id}.")
    return LogView(key=build.log_key, group=f"build.{build_id}", times=f"{build.task}/times")
