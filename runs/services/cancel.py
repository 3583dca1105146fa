"""Canceling, archiving and keeping: what people ask of a run after it was submitted."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from environments.models import Build
from environments.services import build_cancel
from runs.models import Run
from runs.services.move import run_changed, run_move, run_note
from runs.states import LIVE, EndReason, Status
from studio.lib.queue import enqueue
from studio.models import Role, User
from studio.selectors import require_role


@transaction.atomic
def run_cancel(*, user: User, run: Run) -> None:
    """Ask for the end of a run; asking again, or after its end, changes nothing.

    A queued run ends at once. One that is preparing, starting or running carries the
    wish as a time stamp, and its target is told; an unreachable target hears it later.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    asked = Run.objects.filter(
        pk=run.pk, status__in=LIVE - {Status.FINALIZING}, cancel_requested_at=None
    ).update(cancel_requested_at=timezone.now(), canceled_by=user)
    if not asked:
        return
    run.refresh_from_db()
    if run.status == Status.QUEUED:
        run_move(
            run_id=run.pk,
            to=Status.CANCELED,
            reason=EndReason.CANCELED_BY_USER,
            text="Canceled before it started.",
            user=user,
        )
        return
    run_note(run_id=run.pk, kind="cancel", text="Cancel was requested.", user=user)
    enqueue("runs.jobs.stop", run.pk)


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


def run_archive(*, user: User, run: Run, archived: bool) -> None:
    """Hide a run from lists, or show it again; nothing is lost."""
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    Run.objects.filter(pk=run.pk).update(archived_at=timezone.now() if archived else None)
    run_changed(run_id=run.pk)
