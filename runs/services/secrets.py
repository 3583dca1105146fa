"""Secrets of the workspace on their way into a run."""

from __future__ import annotations

from django.db import transaction

from runs.models import Attempt, Run
from runs.selectors.secrets import run_secrets, secret_users
from studio.lib.refusal import Refused
from studio.lib.vault import decrypt, encrypt
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import secret_forget, secret_values


@transaction.atomic
def secret_delete(*, user: User, workspace: Workspace, name: str) -> None:
    """Delete a secret that nothing waits for; runs that have started keep what they were given.

    Raises:
        Refused: runs that have not started, or environments, need it; the sentence names them.
        NotFound: there is none of this name.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    waiting, versions = secret_users(workspace=workspace, name=name)
    if waiting:
        shown = ", ".join(map(str, waiting[:5])) + (" and more" if len(waiting) > 5 else "")
        raise Refused(
            f"{name} is needed by run{'' if len(waiting) == 1 else 's'} {shown}, which "
            f"{'has' if len(waiting) == 1 else 'have'} not started: wait, or cancel first.",
            field="needed",
        )
    if versions:
        shown = ", ".join(versions[:5]) + (" and more" if len(versions) > 5 else "")
        raise Refused(
            f"{name} is given to every run of {shown}: archive that first, or change the value "
            "instead.",
            field="needed",
        )
    secret_forget(user=user, workspace=workspace, name=name)


@transaction.atomic
def attempt_secrets(*, run: Run, attempt: Attempt) -> dict[str, str]:
    """What an attempt is given as variables, in the clear.

    The first launch decides: it is kept with the attempt, encrypted, so that exactly these
    values are hidden in its logs, whatever becomes of the workspace's secrets meanwhile.

    Raises:
        NotFound: the workspace has one of them no more.
    """
    if not attempt.secret_values and (names := run_secrets(run)):
        found = secret_values(
            workspace=run.workspace, names=names, user=run.submitted_by, what=f"run {run.pk}"
        )
        attempt.secret_values = {name: encrypt(value) for name, value in found.items()}
        attempt.save(update_fields=["secret_values"])
    own = {*run.variables, *run.secret_variables}
    given = {k: decrypt(v) for k, v in attempt.secret_values.items() if k not in own}
    return given | {k: decrypt(v) for k, v in run.secret_variables.items()}
