"""Running the same thing again, and waking what seems to be stuck."""

from __future__ import annotations

import secrets

from django.db import transaction

from compute.selectors import target_pick
from environments.selectors import version_require_use
from runs.models import Run
from runs.selectors.runs import run_attempt
from runs.selectors.secrets import run_secrets
from runs.services.submit import run_enter
from runs.states import Status
from studio.lib.push import hint_monitor
from studio.lib.queue import enqueue
from studio.lib.refusal import Refused
from studio.models import Role, User
from studio.selectors import require_role, secrets_known

OF_ONE_RUN = frozenset(
    {
        "id", "uid", "submitted_by", "build",
        "status", "end_reason", "end_sentence", "exit_code", "error",
        "cancel_requested_at", "canceled_by",
        "created_at", "started_at", "ended_at", "archived_at", "deleted_at", "extra_files",
    }
)  # fmt: skip
"""What belongs to the life of one run; everything else of it was asked for, and is asked again."""


@transaction.atomic
def run_again(*, user: User, run: Run) -> Run:
    """Queue a new run of the same snapshot, environment version, words and variables.

    Raises:
        Refused: its environment is archived, a secret that it needs is gone, or its target takes
            no runs of this user now; the sentence says what would help.
        Forbidden: the user may not submit here.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    version_require_use(version=run.environment_version)
    secrets_known(workspace=run.workspace, names=run_secrets(run))
    target_pick(
        workspace=run.workspace, user=user, name=run.target.name, gpus=run.gpus, data=[*run.data]
    )
    asked = {
        field.attname: getattr(run, field.attname)
        for field in Run._meta.concrete_fields
        if field.name not in OF_ONE_RUN
    }
    new = Run.objects.create(**asked, uid=secrets.token_hex(6), submitted_by=user)
    run_enter(run=new, user=user, text=f"Submitted: run {run.pk} again.")
    return new


def run_wake(*, user: User, run: Run) -> None:
    """Give the hint for a run's next step again; nothing happens twice, however often it comes.

    Raises:
        Refused: the run has ended.
        Forbidden: the user may not write here.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    if run.is_final:
        raise Refused(f"Run {run.pk} is {run.status}: nothing of it waits. Run it again instead.")
    if run.cancel_requested_at is not None and run.status != Status.FINALIZING:
        enqueue("runs.jobs.stop", run.pk)
    elif run.status == Status.FINALIZING:
        enqueue("runs.jobs.collect", run_attempt(run=run).pk)
    elif run.status == Status.RUNNING:
        hint_monitor(f"target {run.target_id}")
    else:
        enqueue("runs.jobs.dispatch", run.target_id)
