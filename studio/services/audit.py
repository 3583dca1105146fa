"""The record of who did what."""

from __future__ import annotations

from studio.models import AuditEvent, User, Workspace


def audit(*, user: User | None, workspace: Workspace | None, action: str, subject: str) -> None:
    """Write down who did what; never a secret."""
    AuditEvent.objects.create(user=user, workspace=workspace, action=action, subject=subject)
