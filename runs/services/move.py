"""The one place that changes a run's status."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from runs.models import Attempt, GpuLoan, Run, RunEvent
from runs.services.notices import run_announce
from runs.states import ENDINGS, FINAL, HOLDS_SLOT, EndReason, Status, may_move
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


def run_note(*, run_id: int, kind: str, text: str, user: User | None = None) -> None:
    """Write one line of history that is not a move."""
    RunEvent.objects.create(run_id=run_id, kind=kind, text=text, user=user)
    run_changed(run_id=run_id)


def run_changed(*, run_id: int, workspace_id: int | None = None) -> None:
    """Wake the pages that show this run, once the transaction commits; looks its workspace up."""
    if workspace_id is None:
        workspace_id = Run.objects.values_list("workspace_id", flat=True).get(pk=run_id)
    push((f"run.{run_id}", f"workspace.{workspace_id}"), {"type": "run.changed", "run": run_id})
