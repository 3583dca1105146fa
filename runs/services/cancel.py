"""Canceling, archiving and keeping: what people ask of a run after it was submitted."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from environments.models import Build
from environments.services import build_cancel
from runs.models import Run
from runs.services.move import run_changed, run_move, run_note, run_take_back
from runs.states import LIVE, EndReason, Status
from studio.lib.queue import enqueue
from studio.lib.refusal import Refused
from studio.models import Role, User
from studio.selectors import require_role

UNDO_FOR = timedelta(minutes=10)
"""How long a cancel that ended a run in the queue can be taken back."""


class Wish(StrEnum):
    """What came of asking for the end of a run."""

    ENDED = "ended"
    """It waited in the queue: it is canceled now, and that can be taken back for a while."""
    TOLD = "told"
    """Its target is told to stop it."""
    NOTHING = "nothing"
    """It had ended, or somebody had asked before."""


@transaction.atomic
def run_cancel(*, user: User, run: Run) -> Wish:
    """Ask for the end of a run; asking again, or after its end, changes nothing.

    A queued run ends at once. One that is preparing, starting or running carries the
    wish as a time stamp, and its target is told; an unreachable target hears it later.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    asked = Run.objects.filter(
        pk=run.pk, status__in=LIVE - {Status.FINALIZING}, cancel_requested_at=None
    ).update(cancel_requested_at=timezone.now(), canceled_by=user)
    if not asked:
        return Wish.NOTHING
    run.refresh_from_db()
    if run.status == Status.QUEUED:
        run_move(
            run_id=run.pk,
            to=Status.CANCELED,
            reason=EndReason.CANCELED_BY_USER,
            text="Canceled before it started.",
            user=user,
        )
        return Wish.ENDED
    run_note(run_id=run.pk, kind="cancel", text="Cancel was requested.", user=user)
    enqueue("runs.jobs.stop", run.pk)
    return Wish.TOLD


@transaction.atomic
def run_requeue(*, user: User, run: Run) -> None:
    """Take a cancel back: the run waits again where it waited before.

    Raises:
        Refused: it is too late, or the run had left the queue when it was canceled.
        Forbidden: the user may not write here.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    text = "The cancel was taken back: it waits on its old place."
    since = timezone.now() - UNDO_FOR
    if not run_take_back(run_id=run.pk, since=since, text=text, user=user):
        raise Refused(_why_not_back(run))
    enqueue("runs.jobs.dispatch", run.target_id)


def _why_not_back(run: Run) -> str:
    run.refresh_from_db()
    if run.status != Status.CANCELED:
        return f"Run {run.pk} is {run.status}: there is no cancel to take back."
    if run.ended_at and run.ended_at < timezone.now() - UNDO_FOR:
        minutes = UNDO_FOR // timedelta(minutes=1)
        return f"Run {run.pk} was canceled over {minutes} minutes ago: run it again instead."
    return f"Run {run.pk} had left the queue when it was canceled: run it again instead."


def preparing_cancel(*, run: Run) -> bool:
    """End a canceled run that waits for its environment; the build goes on if others want it."""
    ended = run_move(
        run_id=run.pk,
        to=Status.CANCELED,
        reason=EndReason.CANCELED_BY_USER,
        text="Canceled while its environment was being prepared.",
        user=run.canceled_by,
    )
    if (
        ended
        and run.build is not None
        and run.build.status in {Build.Status.QUEUED, Build.Status.RUNNING}
    ):
        others = Run.objects.filter(build=run.build, status=Status.PREPARING)
        if not others.exists() and run.canceled_by is not None:
            build_cancel(user=run.canceled_by, build=run.build)
    return ended


def run_archive(*, user: User, run: Run, archived: bool) -> bool:
    """Hide a run from lists, or show it again; nothing is lost. Whether that changed anything."""
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    rows = Run.objects.filter(pk=run.pk, archived_at__isnull=archived)
    changed = rows.update(archived_at=timezone.now() if archived else None)
    if changed:
        run_changed(run_id=run.pk, workspace_id=run.workspace_id)
    return bool(changed)
