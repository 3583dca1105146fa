"""The one place that changes a run's status."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from runs.models import Attempt, GpuLoan, Run, RunEvent
from runs.services.notices import run_announce
from runs.states import ENDINGS, FINAL, HOLDS_SLOT, TAKEN_BACK, EndReason, Status, may_move
from studio.lib.push import push
from studio.models import User


@transaction.atomic
def run_move(
    *,
    run_id: int,
    to: Status,
    reason: EndReason | None = None,
    text: str = "",
    user: User | None = None,
    lease: str | None = None,
    **fields: Any,
) -> bool:
    """Move a run to another status, if it may still go there.

    The check and the write are one UPDATE, so two processes may race safely:
    the loser gets False and should forget what it was doing. With `lease`,
    the newest attempt must still carry that token. A move that gives up the
    slot gives back the run's GPUs. Each writes a RunEvent, and wakes open
    pages once the transaction commits.

    Raises:
        ValueError: a final status was asked for without its reason.
    """
    if to in FINAL:
        if reason is None or ENDINGS[reason].status is not to:
            message = f"{to} needs a reason that means {to}, not {reason}"
            raise ValueError(message)
        text = text or ENDINGS[reason].sentence
        fields |= {"end_reason": reason, "end_sentence": text, "ended_at": timezone.now()}
    found = Run.objects.filter(pk=run_id).values_list("status", "workspace_id").first()
    if found is None or not may_move(Status(found[0]), to):
        return False
    old, workspace_id = found
    rows = Run.objects.filter(pk=run_id, status=old)
    if lease is not None:
        rows = rows.filter(
            pk__in=Attempt.objects.filter(run_id=run_id, lease_token=lease).values("run_id")
        )
    if rows.update(status=to, **fields) != 1:
        return False
    if to not in HOLDS_SLOT:
        lent = GpuLoan.objects.filter(run_id=run_id, returned_at=None)
        lent.update(returned_at=timezone.now())
    RunEvent.objects.create(
        run_id=run_id, kind="moved", old_status=old, new_status=to, text=text, user=user
    )
    run_changed(run_id=run_id, workspace_id=workspace_id)
    if to in FINAL:
        run_announce(run_id=run_id, status=to)
    return True


@transaction.atomic
def run_take_back(*, run_id: int, since: datetime, text: str, user: User | None = None) -> bool:
    """Put a run that was canceled in the queue back on its place there, if that was after `since`.

    Its number and priority are its place, and both stay. The check and the write are one UPDATE
    like those of `run_move`; the loser of a race gets False, and so does whoever asks for a run
    that had left the queue, was deleted, or ended otherwise.
    """
    last = RunEvent.objects.filter(run_id=run_id, kind="moved").order_by("-pk").first()
    if last is None or TAKEN_BACK.get(Status(last.new_status)) != last.old_status:
        return False
    rows = Run.objects.filter(
        pk=run_id, status=last.new_status, ended_at__gte=since, deleted_at=None, started_at=None
    )
    to = Status(last.old_status)
    cleared = {"end_reason": "", "end_sentence": "", "ended_at": None, "error": ""}
    if rows.update(status=to, cancel_requested_at=None, canceled_by=None, **cleared) != 1:
        return False
    RunEvent.objects.create(
        run_id=run_id,
        kind="moved",
        old_status=last.new_status,
        new_status=to,
        text=text,
        user=user,
    )
    run_changed(run_id=run_id)
    return True


def run_note(*, run_id: int, kind: str, text: str, user: User | None = None) -> None:
    """Write one line of history that is not a move."""
    RunEvent.objects.create(run_id=run_id, kind=kind, text=text, user=user)
    run_changed(run_id=run_id)


def runs_wake(*, build_id: int) -> None:
    """Wake the pages that show a run which waits for this build."""
    for run_id in Run.objects.filter(build=build_id, status=Status.PREPARING).values_list("pk"):
        run_changed(run_id=run_id[0])


def run_changed(*, run_id: int, workspace_id: int | None = None) -> None:
    """Wake the pages that show this run, once the transaction commits; looks its workspace up."""
    if workspace_id is None:
        workspace_id = Run.objects.values_list("workspace_id", flat=True).get(pk=run_id)
    push((f"run.{run_id}", f"workspace.{workspace_id}"), {"type": "run.changed", "run": run_id})
