"""Reading compute targets: all of it starts from the caller's workspace."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from compute.backends import KINDS
from compute.models import ComputeTarget
from studio.lib.refusal import NotFound, Refused
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
    found = targets.filter(name=name).first()
    if found is None:
        raise NotFound(_no_such_target(name, [target.name for target in targets]), field="target")
    return found


def target_pick(
    *, workspace: Workspace, user: User, name: str, gpus: int | None = 0
) -> ComputeTarget:
    """The target on which this user's run shall go: the named one, else the oldest usable.

    `gpus` is how many it asks for; None asks for all that the target has.

    Raises:
        NotFound: there is no target of that name.
        Refused: the user may not run there now, or it has too little; the sentence says what
            would help.
    """
    if name:
        target = target_get(workspace=workspace, user=user, name=name)
        obstacle = target_usable(user=user, target=target)
        if obstacle:
            raise Refused(obstacle, field="target")
        shortage = target_gpu_shortage(target=target, gpus=gpus)
        if shortage:
            raise Refused(shortage, field="gpus")
        return target
    obstacles = []
    for target in target_list(workspace=workspace, user=user).order_by("pk"):
        obstacle = target_usable(user=user, target=target)
        obstacle = obstacle or target_gpu_shortage(target=target, gpus=gpus)
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


def _no_such_target(name: str, known: list[str]) -> str:
    if not known:
        return f"There is no target '{name}': none is registered yet."
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? There" if near else "there"
    return f"There is no target '{name}': {hint} are {', '.join(known)}."
