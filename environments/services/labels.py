"""Words that mean a version: given, moved, taken away."""

from __future__ import annotations

import re

from django.db import transaction
from django.utils import timezone

from environments.models import Environment, EnvironmentVersion, VersionLabel
from environments.selectors import LATEST
from studio.lib.refusal import NotFound, Refused
from studio.models import Role, User
from studio.selectors import require_role
from studio.services import audit

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,49}")


@transaction.atomic
def label_set(*, user: User, version: EnvironmentVersion, label: str) -> VersionLabel:
    """Let a label mean this version, whichever it meant before.

    Raises:
        Refused: no label can be called so.
        Forbidden: the user may not write here.
    """
    environment = version.environment
    require_role(user, environment.workspace, Role.CONTRIBUTOR)
    label = label.strip()
    _check(label)
    known = environment.labels.select_related("version").filter(name=label).first()
    if known is not None and known.version_id == version.pk:
        return known
    moved = {"version": version, "moved_by": user, "moved_at": timezone.now()}
    found, _ = VersionLabel.objects.update_or_create(
        environment=environment, name=label, defaults=moved
    )
    before = f" from {known.version.number}" if known else ""
    _note(user, environment, "label", f"{environment}:{label}{before} to {version.number}")
    return found


@transaction.atomic
def label_remove(*, user: User, environment: Environment, label: str) -> None:
    """Forget a label; the version that it meant stays.

    Raises:
        NotFound: there is no such label.
        Forbidden: the user may not write here.
    """
    require_role(user, environment.workspace, Role.CONTRIBUTOR)
    gone, _ = environment.labels.filter(name=label).delete()
    if not gone:
        raise NotFound(f"The environment {environment} has no label '{label}'.", field="label")
    _note(user, environment, "unlabel", f"{environment}:{label}")


def _check(label: str) -> None:
    if label.lower() == LATEST:
        raise Refused(
            f"The label {LATEST} always means the newest version in use and cannot be moved: "
            "choose another word.",
            field="label",
        )
    if not _LABEL.fullmatch(label):
        raise Refused(
            f"'{label}' cannot be a label: begin with a letter, then letters, digits and - _ . "
            "(50 at most).",
            field="label",
        )


def _note(user: User, environment: Environment, what: str, subject: str) -> None:
    audit(
        user=user,
        workspace=environment.workspace,
        action=f"environment.{what}",
        subject=subject[:200],
    )
