"""Reading compute targets: all of it starts from the caller's workspace."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Prefetch, Q, QuerySet

from compute.backends import KINDS
from compute.models import ComputeTarget, DataPath, NamedData, RegistryLogin
from studio.lib.refusal import NotFound, Refused
from studio.lib.rows import only
from studio.lib.vault import decrypt
from studio.models import Role, User, Workspace
from studio.selectors import require_role


@dataclass(frozen=True)
class Occupancy:
    """How much of a target is taken."""

    slots: int
    busy: int
    """Runs that hold a slot."""
    queued: int
    """Runs that wait for one."""
    building: int
    """Environments being built there."""
    lent: dict[str, int]
    """Each GPU that is lent, with the number of the run that has it."""


def target_list(*, workspace: Workspace, user: User) -> QuerySet[ComputeTarget]:
    """The targets of a workspace, by name."""
    require_role(user, workspace, Role.VIEWER)
    return ComputeTarget.objects.filter(workspace=workspace).order_by("name")


def target_get(*, workspace: Workspace, user: User, name: str) -> ComputeTarget:
    """The target of that name.

    Raises:
        NotFound: there is none; the sentence names those that exist.
    """
    targets = target_list(workspace=workspace, user=user)
    found = only(targets.filter(name=name))
    if found is None:
        raise NotFound(_no_such_target(name, [target.name for target in targets]), field="target")
    return found


def target_pick(
    *,
    workspace: Workspace,
    user: User,
    name: str,
    gpus: int | None = 0,
    data: Collection[str] = (),
) -> ComputeTarget:
    """The target on which this user's run shall go: the named one, else the oldest usable.

    `gpus` is how many it asks for (None: all that the target has), `data` which named data.

    Raises:
        NotFound: there is no target of that name.
        Refused: the user may not run there now, or it lacks GPUs or data; the sentence says
            what would help.
    """
    if name:
        target = target_get(workspace=workspace, user=user, name=name)
        obstacle = target_usable(user=user, target=target)
        if obstacle:
            raise Refused(obstacle, field="target")
        shortage = target_gpu_shortage(target=target, gpus=gpus)
        if shortage:
            raise Refused(shortage, field="gpus")
        data_paths(target=target, names=data)
        return target
    obstacles = []
    for target in target_list(workspace=workspace, user=user).order_by("pk"):
        obstacle = target_usable(user=user, target=target)
        obstacle = obstacle or target_gpu_shortage(target=target, gpus=gpus)
        obstacle = obstacle or _data_lack(target, data, _paths_on(target, data))
        if not obstacle:
            return target
        obstacles.append(obstacle)
    raise Refused(
        " ".join(obstacles) or "There is no compute target yet: an admin can register one.",
        field="target",
    )


def target_usable(*, user: User, target: ComputeTarget) -> str:
    """Why this user cannot run there, as a sentence that says who can help; empty when he can."""
    if not target.enabled:
        return f"The target {target.name} is disabled: an admin can enable it on its page."
    backend = KINDS.get(target.kind)
    if backend is None:
        return (
            f"The target {target.name} is of the kind '{target.kind}', which this version of the "
            "studio does not know: choose another target."
        )
    if backend.has_studio_rights and not target.open_to_members and not user.is_superuser:
        return (
            f"A run on {target.name} has the rights of the studio's own user, so it is open to "
            "the instance owner alone: ask the owner to open it to members, or choose another "
            "target."
        )
    return ""


def target_gpu_shortage(*, target: ComputeTarget, gpus: int | None) -> str:
    """Why the target can never lend so many GPUs, as a sentence; empty when it can."""
    total = len(target.gpus)
    if gpus == 0 or 0 < (total if gpus is None else gpus) <= total:
        return ""
    if not total and target.declared_gpus is None and not target.facts:
        return (
            f"The GPUs of {target.name} are not known yet: test it on its page, or let an admin "
            "list them there."
        )
    if not total:
        return (
            f"{target.name} has no GPUs to lend: ask for 0, choose another target, or let an admin "
            "list them on its page."
        )
    return (
        f"{target.name} has {total} GPU{'' if total == 1 else 's'} and the run asks for {gpus}: "
        f"ask for {total} at most, or choose another target."
    )


def target_occupancy(*, target: ComputeTarget) -> Occupancy:
    """How many of its slots are taken, and how many runs wait for one."""
    live = target.runs.filter(ended_at=None)
    waiting = Q(status="queued")
    return Occupancy(
        slots=target.slots,
        busy=live.exclude(waiting).count(),
        queued=live.filter(waiting).count(),
        building=target.builds.filter(status="running").count(),
        lent=dict(target.gpu_loans.filter(returned_at=None).values_list("gpu", "run_id")),
    )


def data_list(*, workspace: Workspace, user: User) -> QuerySet[NamedData]:
    """The named data of a workspace with their paths, by name."""
    require_role(user, workspace, Role.VIEWER)
    paths = DataPath.objects.select_related("target").order_by("target__name")
    rows = NamedData.objects.filter(workspace=workspace).order_by("name")
    return rows.prefetch_related(Prefetch("paths", paths))


def data_get(*, workspace: Workspace, user: User, name: str) -> NamedData:
    """The data of that name.

    Raises:
        NotFound: there is none; the sentence names those that exist.
    """
    rows = data_list(workspace=workspace, user=user)
    found = rows.filter(name=name).first()
    if found is None:
        raise NotFound(_no_such_data(name, [row.name for row in rows]), field="data")
    return found


def data_known(*, workspace: Workspace, names: Collection[str]) -> None:
    """Let names pass that the workspace has given to data.

    Raises:
        Refused: one is unknown; the sentence names those that exist.
    """
    known = list(NamedData.objects.filter(workspace=workspace).values_list("name", flat=True))
    for name in names:
        if name not in known:
            raise Refused(_no_such_data(name, known), field="data")


def data_paths(*, target: ComputeTarget, names: Collection[str]) -> dict[str, str]:
    """At which path the target has each data.

    Raises:
        Refused: it lacks one; the sentence says how an admin registers it.
    """
    paths = _paths_on(target, names)
    lack = _data_lack(target, names, paths)
    if lack:
        raise Refused(lack, field="data")
    return {name: paths[name] for name in names}


def data_writable(*, user: User, target: ComputeTarget) -> bool:
    """Whether an admin may say what lies on the target: who may not run there may not look."""
    backend = KINDS.get(target.kind)
    return not (backend and backend.has_studio_rights) or (
        target.open_to_members or user.is_superuser
    )


def _paths_on(target: ComputeTarget, names: Collection[str]) -> dict[str, str]:
    rows = DataPath.objects.filter(target=target, data__name__in=names)
    return dict(rows.values_list("data__name", "path")) if names else {}


def _data_lack(target: ComputeTarget, names: Collection[str], paths: Mapping[str, str]) -> str:
    lacking = next((name for name in names if name not in paths), None)
    if lacking is None:
        return ""
    return (
        f"{target.name} does not have the data {lacking}: an admin can say where it lies there, on "
        f"its page or by: runyard data add {lacking} --target {target.name} --path /path/there"
    )


def _no_such_data(name: str, known: list[str]) -> str:
    if not known:
        return (
            f"There is no data '{name}': none is named in this workspace yet. An admin can name it "
            f"by: runyard data add {name} --target TARGET --path /path/there"
        )
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]}? There" if near else "there"
    return f"There is no data '{name}': {hint} {'is' if len(known) == 1 else 'are'} " + (
        f"{', '.join(known)}."
    )


def _no_such_target(name: str, known: list[str]) -> str:
    if not known:
        return f"There is no target '{name}': none is registered yet."
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? There" if near else "there"
    are = "is" if len(known) == 1 else "are"
    return f"There is no target '{name}': {hint} {are} {', '.join(known)}."


def registry_login_list(*, user: User, workspace: Workspace) -> QuerySet[RegistryLogin]:
    """The registries that the workspace has a login for, without the secrets."""
    require_role(user, workspace, Role.VIEWER)
    return RegistryLogin.objects.filter(workspace=workspace).defer("secret")


def registry_login_get(*, workspace: Workspace, host: str) -> RegistryLogin:
    """The login for a registry.

    Raises:
        NotFound: there is none; the sentence names those that exist.
    """
    rows = RegistryLogin.objects.filter(workspace=workspace)
    found = rows.filter(host=host.lower()).first()
    if found is None:
        hosts = ", ".join(rows.values_list("host", flat=True)[:5])
        hint = f"there is one for {hosts}." if hosts else "the workspace has none."
        raise NotFound(f"There is no login for the registry '{host[:64]}': {hint}", field="host")
    return found


def registry_logins_for(
    *, workspace: Workspace, hosts: Collection[str] | None = None
) -> dict[str, dict[str, str]]:
    """The logins of a workspace (for these hosts, or all) in the clear, on their way to them.

    By host, each {"username", "password"}. They may live in memory alone.
    """
    rows = RegistryLogin.objects.filter(workspace=workspace)
    if hosts is not None:
        rows = rows.filter(host__in=hosts)
    return {
        login.host: {"username": login.username, "password": decrypt(login.secret)}
        for login in rows
    }
