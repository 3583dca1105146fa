"""Writing the names of data and where each target has it, and looking whether it is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from django.db import transaction
from django.utils import timezone

from compute.data_names import NAME, data_variable
from compute.models import ComputeTarget, DataPath, NamedData
from compute.selectors import data_writable, target_get
from compute.session import Session
from studio.lib.refusal import Forbidden, Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit

_MAX_PATH = 1000
_MAX_DESCRIPTION = 10_000


@transaction.atomic
def data_save(
    *,
    user: User,
    workspace: Workspace,
    name: str,
    description: str | None = None,
    paths: Mapping[str, str] | None = None,
) -> NamedData:
    """Name data, or change what is given of it; all of it is written, or nothing.

    `paths` says for targets, by name, at which absolute path they have it; an empty path
    takes it away from the target. Nothing is contacted: `target_test` looks whether it is there.

    Raises:
        Refused: a value cannot work; `field` names it.
        NotFound: there is no such target.
        Forbidden: the user is no admin here, or may not run on that target himself.
    """
    require_role(user, workspace, Role.ADMIN)
    Workspace.objects.select_for_update().get(pk=workspace.pk)  # one namer at a time
    data = NamedData.objects.filter(workspace=workspace, name=name).first()
    action = "data.update" if data else "data.create"
    if data is None:
        _check_name(workspace, name)
        data = NamedData(workspace=workspace, name=name, created_by=user)
        data.variable = data_variable(name)
    if description is not None:
        data.description = _checked_description(description)
    data.save()
    for target_name, path in (paths or {}).items():
        target = target_get(workspace=workspace, user=user, name=target_name)
        _set_path(user, data, target, path.strip())
    audit(user=user, workspace=workspace, action=action, subject=name)
    return data


@transaction.atomic
def data_delete(*, user: User, data: NamedData) -> None:
    """Forget a name on every target; files stay, and runs keep the paths that they were given."""
    require_role(user, data.workspace, Role.ADMIN)
    audit(user=user, workspace=data.workspace, action="data.delete", subject=data.name)
    data.delete()


def data_check(*, target: ComputeTarget, session: Session) -> None:
    """Look whether the target has all its data, and note what came of it."""
    rows = list(DataPath.objects.filter(target=target))
    if not rows:
        return
    found = session.paths([row.path for row in rows])
    for row in rows:
        kind, why = found[row.path]
        # not what was changed meanwhile: that path has not been looked at
        DataPath.objects.filter(pk=row.pk, path=row.path).update(
            kind=kind, complaint=why, checked_at=timezone.now()
        )


def _check_name(workspace: Workspace, name: str) -> None:
    if not NAME.fullmatch(name):
        raise Refused(
            f"'{name[:100]}' cannot name data: begin with a letter or digit, then letters, digits "
            "and - _ (64 at most).",
            field="name",
        )
    variable = data_variable(name)
    taken = NamedData.objects.filter(workspace=workspace, variable=variable).first()
    if taken is not None:
        raise Refused(
            f"'{name}' and the data '{taken.name}' would both be {variable}: choose another name, "
            "or use that one.",
            field="name",
        )


def _checked_description(text: str) -> str:
    if len(text) > _MAX_DESCRIPTION:
        raise Refused(
            f"A description of {len(text):,} characters is too long: {_MAX_DESCRIPTION:,} at most.",
            field="description",
        )
    return text.strip()


def _set_path(user: User, data: NamedData, target: ComputeTarget, path: str) -> None:
    present = DataPath.objects.filter(data=data, target=target).first()
    if path == (present.path if present else ""):
        return
    if not data_writable(user=user, target=target):
        raise Forbidden(
            f"A run on {target.name} has the rights of the studio's own user, so only who may run "
            "there says where data lies: ask the instance owner."
        )
    if not path:
        DataPath.objects.filter(data=data, target=target).delete()
        return
    unchecked = {
        "path": _checked_path(target, path),
        "kind": "",
        "complaint": "",
        "checked_at": None,
    }
    DataPath.objects.update_or_create(data=data, target=target, defaults=unchecked)


def _checked_path(target: ComputeTarget, path: str) -> str:
    field = f"paths.{target.name}"
    if "\0" in path or len(path) > _MAX_PATH:
        raise Refused(
            f"A path of {len(path):,} characters cannot be kept: {_MAX_PATH:,} at most, no NUL.",
            field=field,
        )
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise Refused(
            f"'{path}' is not an absolute path: say where {target.name} itself has the data, like "
            "/data/mnist.",
            field=field,
        )
    return str(PurePosixPath(path))
