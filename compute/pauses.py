"""Holding a target's queue back: runs wait, what runs there goes on."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from compute.models import ComputeTarget
from studio.lib.queue import enqueue
from studio.models import Role, User
from studio.selectors import require_role
from studio.services import audit


@transaction.atomic
def target_pause(*, user: User, target: ComputeTarget, drain: bool = False) -> ComputeTarget:
    """Give no queued run of the target a slot until `target_resume`; runs can still be submitted.

    With `drain` somebody waits for it to be empty, and its page says when that is so. A target
    that is paused keeps the moment and the person of the first time.

    Raises:
        Forbidden: the user is no admin here.
    """
    target = ComputeTarget.objects.select_for_update().get(pk=target.pk)
    require_role(user, target.workspace, Role.ADMIN)
    if target.paused_at is None:
        target.paused_at, target.paused_by = timezone.now(), user
    target.draining = drain
    target.save(update_fields=["paused_at", "paused_by", "draining"])
    action = "target.drain" if drain else "target.pause"
    audit(user=user, workspace=target.workspace, action=action, subject=target.name)
    return target


@transaction.atomic
def target_resume(*, user: User, target: ComputeTarget) -> ComputeTarget:
    """Let queued runs start again, at once.

    Raises:
        Forbidden: the user is no admin here.
    """
    target = ComputeTarget.objects.select_for_update().get(pk=target.pk)
    require_role(user, target.workspace, Role.ADMIN)
    if target.paused_at is not None:
        target.paused_at, target.paused_by, target.draining = None, None, False
        target.save(update_fields=["paused_at", "paused_by", "draining"])
        audit(user=user, workspace=target.workspace, action="target.resume", subject=target.name)
        enqueue("runs.jobs.dispatch", target.pk)
    return target
