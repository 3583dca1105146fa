"""Playing the part of worker and monitor: runs move and speak only when a test says so."""

from __future__ import annotations

from django.utils import timezone

from runs.models import Run
from runs.services.move import run_move
from runs.states import EndReason, Status
from runs.stores import log_store
from studio.lib.push import push


def say(run: Run, text: bytes) -> None:
    """More of the run's log, announced as the monitor does."""
    key = f"run/{run.pk}/1/run.log"
    size = log_store().append(key, log_store().size(key), text)
    push(f"run.{run.pk}", {"type": "log.grew", "key": key, "size": size, "sealed": False})


def start(run: Run) -> None:
    """The command runs."""
    for status in (Status.PREPARING, Status.STARTING):
        assert run_move(run_id=run.pk, to=status)
    assert run_move(run_id=run.pk, to=Status.RUNNING, started_at=timezone.now())


def end(run: Run, code: int = 0) -> None:
    """The command ended with this code, and its log is closed."""
    assert run_move(run_id=run.pk, to=Status.FINALIZING, exit_code=code)
    log_store().seal(f"run/{run.pk}/1/run.log", size=None, sha256=None, masked=0)
    reason = EndReason.EXITED_NONZERO if code else EndReason.EXITED_ZERO
    to = Status.FAILED if code else Status.COMPLETED
    assert run_move(run_id=run.pk, to=to, reason=reason)
