"""Submissions whose files are still being fetched."""

from __future__ import annotations

from runs.models import SourceImport
from studio.lib.queue import queue_health
from studio.lib.refusal import NotFound
from studio.models import User
from studio.selectors import workspaces_of


def import_get(*, user: User, import_id: int) -> SourceImport:
    """One import that the user may see.

    Raises:
        NotFound: there is none, or it is none of the user's business.
    """
    rows = SourceImport.objects.filter(workspace__in=workspaces_of(user=user), pk=import_id)
    found = rows.select_related("workspace", "user").first()
    if found is None:
        raise NotFound(f"There is no import {import_id}.")
    return found


def import_waiting(*, found: SourceImport) -> str:
    """What an import waits for or does, as a sentence; empty when it has ended."""
    if found.ended_at is not None:
        return ""
    if found.status == SourceImport.Status.RUNNING:
        return f"{found.progress}." if found.progress else "The repository is being asked."
    health = queue_health()
    if not health.reachable:
        return "The queue (Redis) does not answer: the import goes on when it is back."
    if not health.workers:
        return "No worker is running: start one with 'manage.py rqworker'."
    ahead = SourceImport.objects.filter(ended_at=None, pk__lt=found.pk).count()
    if ahead:
        return f"{ahead} {'import is' if ahead == 1 else 'imports are'} ahead."
    return "A worker takes it in a moment."
