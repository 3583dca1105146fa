"""Writing the secrets of a workspace: they go in, reach the runs that name them, never come out."""

from __future__ import annotations

import re
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from studio.lib.refusal import NotFound, Refused
from studio.lib.vault import decrypt, encrypt
from studio.models import Role, User, Workspace, WorkspaceSecret
from studio.selectors import require_role, secrets_known
from studio.services.audit import audit

MIN_BYTES = 4
"""What is shorter could not be hidden in a log: it would eat ordinary text."""
MAX_BYTES = 32 << 10
"""The kernel gives a variable four times as much; that is left for its name and for others."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_RESERVED = re.compile(
    r"(RUNYARD_.*|PATH|HOME|PYTHONPATH|LD_.*|CUDA_VISIBLE_DEVICES|CUDA_DEVICE_ORDER)"
)


@transaction.atomic
def secret_set(
    *, user: User, workspace: Workspace, name: str, value: str
) -> tuple[WorkspaceSecret, bool]:
    """Keep a value under a name, encrypted: the secret, and whether it is a new one.

    Runs that started before keep the value that they were given.

    Raises:
        Refused: name or value cannot be used; `field` says which.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    _check_name(name)
    value = value.replace("\r\n", "\n").removesuffix("\n")
    _check_value(name, value)
    secret, is_new = WorkspaceSecret.objects.update_or_create(
        workspace=workspace,
        name=name,
        defaults={"value": encrypt(value), "changed_by": user, "changed_at": timezone.now()},
        create_defaults={"value": encrypt(value), "created_by": user, "changed_by": user},
    )
    audit(
        user=user,
        workspace=workspace,
        action="secret.add" if is_new else "secret.change",
        subject=name,
    )
    return secret, is_new


def secret_forget(*, user: User, workspace: Workspace, name: str) -> None:
    """Delete a secret; that nothing needs it any more the caller has seen to.

    Raises:
        NotFound: there is none of this name.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    deleted, _ = WorkspaceSecret.objects.filter(workspace=workspace, name=name).delete()
    if not deleted:
        raise NotFound(f"There is no secret '{name[:64]}' here.", field="name")
    audit(user=user, workspace=workspace, action="secret.delete", subject=name)


@transaction.atomic
def secret_values(
    *, workspace: Workspace, names: Collection[str], user: User | None, what: str
) -> dict[str, str]:
    """The values in the clear, for as long as a launch takes; who used them for what is noted.

    Raises:
        NotFound: one of them is not there.
        ValueError: one was encrypted with another key.
    """
    secrets_known(workspace=workspace, names=names)
    rows = WorkspaceSecret.objects.filter(workspace=workspace, name__in=names)
    values = {row.name: decrypt(row.value) for row in rows}
    rows.update(last_used_at=timezone.now())
    for name in sorted(values):
        audit(user=user, workspace=workspace, action="secret.use", subject=f"{name} for {what}")
    return values


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refused(
            f"'{name[:80]}' cannot name a secret: it becomes a variable of that name, so use "
            "letters, digits and _ (64 at most), and do not begin with a digit.",
            field="name",
        )
    if _RESERVED.fullmatch(name):
        raise Refused(
            f"The variable {name} is set by the studio or steers how programs start: choose "
            "another name.",
            field="name",
        )


def _check_value(name: str, value: str) -> None:
    size = len(value.encode("utf-8", "surrogatepass"))
    if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        raise Refused(
            f"The value of {name} has characters that no variable can hold: encode it, for "
            "example as base64.",
            field="value",
        )
    if size < MIN_BYTES:
        raise Refused(
            f"The value of {name} is {'empty' if not size else 'too short to be hidden in logs'}: "
            f"give at least {MIN_BYTES} characters.",
            field="value",
        )
    if size > MAX_BYTES:
        raise Refused(
            f"The value of {name} has {size:,} bytes, and {MAX_BYTES:,} at most can be given as a "
            "variable: put large things into data of the target.",
            field="value",
        )
