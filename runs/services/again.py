"""The same run once more."""

from __future__ import annotations

import secrets

from django.db import transaction

from compute.selectors import target_pick
from runs.models import Run
from runs.services.submit import run_begin
from studio.models import Role, User
from studio.selectors import require_role

ITS_OWN = frozenset(
    {
        "id", "uid", "submitted_by", "build", "status", "end_reason", "exit_code", "error",
        "cancel_requested_at", "canceled_by", "created_at", "started_at", "ended_at",
        "archived_at", "extra_files",
    }
)  # fmt: skip
"""What a run does not hand on; all else says what was asked for."""


def run_again(*, user: User, run: Run) -> Run:
    """Queue a run of the same snapshot, environment version and words, on the same target.

    Raises:
        Refused: its target is gone or closed to the user.
        Forbidden: the user may not submit here.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    target_pick(workspace=run.workspace, user=user, name=run.target.name)
    asked = {
        field.attname: getattr(run, field.attname)
        for field in Run._meta.concrete_fields
        if field.name not in ITS_OWN
    }
    with transaction.atomic():
        again = Run.objects.create(uid=secrets.token_hex(6), submitted_by=user, **asked)
        run_begin(run=again, user=user, text=f"Submitted as run {run.pk} again.")
    return again
