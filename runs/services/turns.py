"""A run's place in the queue of its target."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from compute.models import ComputeTarget
from runs.models import Run
from runs.services.move import run_note
from runs.states import Status
from studio.lib.refusal import Refused
from studio.models import Role, User
from studio.selectors import require_role


@transaction.atomic
def run_to_front(*, user: User, run: Run) -> int:
    """Let a queued run be the next on its target: the priority that it had before.

    It is given a higher priority than any other run that waits there, so the queue stays what it
    says it is: highest priority first, then oldest.

    Raises:
        Refused: it does not wait any more.
        Forbidden: the user is no admin here.
    """
    before = _waiting(user, run).priority
    others = Run.objects.filter(target_id=run.target_id, status=Status.QUEUED).exclude(pk=run.pk)
    highest = others.aggregate(highest=Max("priority"))["highest"]
    if highest is not None and before <= highest:
        _put(user, run, before, highest + 1)
    return before


@transaction.atomic
def run_priority(*, user: User, run: Run, priority: int) -> None:
    """Give a queued run this priority; runs of the same one start in the order of their numbers.

    Raises:
        Refused: it does not wait any more.
        Forbidden: the user is no admin here.
    """
    before = _waiting(user, run).priority
    if before != priority:
        _put(user, run, before, priority)


def _waiting(user: User, run: Run) -> Run:
    require_role(user, run.workspace, Role.ADMIN)
    ComputeTarget.objects.select_for_update().get(pk=run.target_id)
    now = Run.objects.get(pk=run.pk)
    if now.status != Status.QUEUED:
        raise Refused(f"Run {run.pk} does not wait any more: it is {now.status}.")
    return now


def _put(user: User, run: Run, before: int, priority: int) -> None:
    Run.objects.filter(pk=run.pk).update(priority=priority)
    text = f"Its priority in the queue changed from {before} to {priority}."
    run_note(run_id=run.pk, kind="priority", text=text, user=user)
