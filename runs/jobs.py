"""Background doors: what workers are asked to do, by id. Each calls one service."""

from __future__ import annotations

from environments.services import build_settle, targets_to_clean
from runs.services.deliver import delivery_send
from runs.services.dispatch import target_dispatch
from runs.services.finish import (
    attempt_collect,
    attempt_release,
    attempt_settle,
    target_stop_run,
)
from runs.services.imports import import_run, imports_prune
from runs.services.move import runs_wake
from runs.services.retention import studio_prune, trash_empty
from studio.lib.queue import enqueue


def dispatch(target_id: int) -> None:
    """Take the runs of a target as far as they go."""
    target_dispatch(target_id=target_id)


def collect(attempt_id: int) -> None:
    """Receive the results of an attempt, and fill the slot that it leaves."""
    target_id = attempt_collect(attempt_id=attempt_id)
    if target_id is not None:
        target_dispatch(target_id=target_id)


def settle(attempt_id: int) -> None:
    """Ask the target itself about an attempt that its runner cannot see."""
    attempt_settle(attempt_id=attempt_id)


def release(attempt_id: int) -> None:
    """End what goes on of an attempt that is over."""
    attempt_release(attempt_id=attempt_id)


def settle_build(build_id: int) -> None:
    """Ask the target itself about a build that its runner cannot see."""
    if build_settle(build_id=build_id):
        runs_wake(build_id=build_id)


def import_source(import_id: int) -> None:
    """Fetch the files of a submission, and make the run."""
    import_run(import_id=import_id)


def deliver(delivery_id: int) -> None:
    """Send a notice that is due."""
    delivery_send(delivery_id=delivery_id)


def stop(run_id: int) -> None:
    """Tell a run's target to end it."""
    target_stop_run(run_id=run_id)


def prune() -> None:
    """Free what nothing refers to any more."""
    imports_prune()
    trash_empty()
    studio_prune()
    for target_id in targets_to_clean():
        enqueue("environments.jobs.clean", target_id)
