"""Writing compute targets, and getting in touch with them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from compute.backends import KINDS, LOCAL, Backend, backend_of
from compute.gpus import gpus_declared, gpus_named
from compute.health import facts_complaint, health_note, target_health
from compute.models import DEFAULT_ROOM_GIB, ComputeTarget
from compute.named_data import data_check
from compute.place import Place
from compute.session import RunnerRefused, Session, session_for
from compute.transports.base import ImageMissing, TargetRefused, TargetUnreachable
from studio.lib.queue import enqueue
from studio.lib.refusal import Forbidden, Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit, instance_key

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_SLOTS = 1000
_MAX_ROOM_GIB = 1_000_000
_TEST_S = 15.0


@transaction.atomic
def target_create(
    *,
    user: User,
    workspace: Workspace,
    name: str,
    kind: str,
    config: Mapping[str, object],
    slots: int = 1,
    build_slots: int = 1,
    gpus: str = "",
    environments_gib: int = DEFAULT_ROOM_GIB,
    open_to_members: bool = False,
) -> ComputeTarget:
    """Register a place to run. Nothing is contacted: `target_test` does that.

    Raises:
        Refused: a value cannot work; `field` names it.
        Forbidden: the user is no admin here, or the kind is for the instance owner alone.
    """
    require_role(user, workspace, Role.ADMIN)
    backend = backend_of(kind)
    _check_rights(user, backend)
    target = ComputeTarget(
        workspace=workspace,
        name=_checked_name(workspace, name),
        kind=kind,
        config=backend.clean(config),
        slots=_checked_slots(slots, "slots"),
        build_slots=_checked_slots(build_slots, "build_slots"),
        declared_gpus=gpus_declared(gpus),
        environments_gib=_checked_room(environments_gib),
        open_to_members=open_to_members,
        created_by=user,
    )
    target.save()
    audit(user=user, workspace=workspace, action="target.create", subject=target.name)
    return target


@transaction.atomic
def target_update(
    *,
    user: User,
    target: ComputeTarget,
    name: str | None = None,
    config: Mapping[str, object] | None = None,
    slots: int | None = None,
    build_slots: int | None = None,
    gpus: str | None = None,
    environments_gib: int | None = None,
    enabled: bool | None = None,
    open_to_members: bool | None = None,
) -> ComputeTarget:
    """Change what is given; None leaves a value as it is.

    Raises:
        Refused: a value cannot work, or the place or a lent GPU would change under live runs.
        Forbidden: the user is no admin here, or the kind is for the instance owner alone.
    """
    target = ComputeTarget.objects.select_for_update().get(pk=target.pk)
    require_role(user, target.workspace, Role.ADMIN)
    backend = backend_of(target.kind)
    _check_rights(user, backend)
    if name is not None and name != target.name:
        target.name = _checked_name(target.workspace, name)
    if config is not None:
        _change_place(target, backend.clean(config))
    if slots is not None:
        target.slots = _checked_slots(slots, "slots")
    if build_slots is not None:
        target.build_slots = _checked_slots(build_slots, "build_slots")
    if gpus is not None:
        _change_gpus(target, gpus_declared(gpus))
    if environments_gib is not None:
        target.environments_gib = _checked_room(environments_gib)
    if enabled is not None:
        target.enabled = enabled
    if open_to_members is not None:
        target.open_to_members = open_to_members
    target.save(
        update_fields=[
            "name",
            "config",
            "slots",
            "build_slots",
            "declared_gpus",
            "environments_gib",
            "enabled",
            "open_to_members",
            "image_fetch",
            "image_fetch_at",
        ]
    )
    audit(user=user, workspace=target.workspace, action="target.update", subject=target.name)
    enqueue("runs.jobs.dispatch", target.pk)  # there may be room now for what waits
    if environments_gib is not None:
        enqueue("environments.jobs.clean", target.pk)
    return target


@transaction.atomic
def target_delete(*, user: User, target: ComputeTarget) -> None:
    """Forget a target that no run uses; its folder over there is left as it is.

    Raises:
        Refused: runs went there; the sentence names some.
    """
    require_role(user, target.workspace, Role.ADMIN)
    _check_rights(user, backend_of(target.kind))
    numbers = list(target.runs.order_by("-pk").values_list("pk", flat=True)[:4])
    if numbers:
        named = ", ".join(f"run {number}" for number in numbers[:3])
        raise Refused(
            f"{target.name} cannot be deleted: {named}{' and more' if len(numbers) > 3 else ''} "
            f"went there. Delete those runs first, in the trash as well, or disable the target."
        )
    audit(user=user, workspace=target.workspace, action="target.delete", subject=target.name)
    target.delete()


def target_place(*, target: ComputeTarget) -> Place:
    """Where the target's runs go, as plain data; nothing is contacted.

    Raises:
        TargetRefused: its kind is not known to this version.
    """
    try:
        backend = backend_of(target.kind)
    except Refused as error:
        raise TargetRefused(error.sentence) from error
    return _place(backend, target.config, instance_key())


def target_places(*, kind: str) -> list[Place]:
    """Where the targets of a kind go, in all workspaces: who looks at one learns what is another's.

    Raises:
        TargetRefused: the kind is not known to this version.
    """
    try:
        backend = backend_of(kind)
    except Refused as error:
        raise TargetRefused(error.sentence) from error
    owner, targets = instance_key(), ComputeTarget.objects.filter(kind=kind)
    return [_place(backend, config, owner) for config in targets.values_list("config", flat=True)]


def studio_place() -> Place:
    """Beside the studio itself: where tasks go on that tell an engine what to do."""
    folder = str(settings.DATA_DIR / "targets" / "studio")
    return LOCAL.place({"root": folder}, studio_blobs=_studio_blobs())


def target_try(
    *, user: User, workspace: Workspace, kind: str, config: Mapping[str, object]
) -> dict[str, Any]:
    """The facts of a place as a target with these settings would find them; no row is written.

    Raises:
        Refused: a value cannot work, or nothing usable answers there.
        Forbidden: the user is no admin here, or the kind is for the instance owner alone.
    """
    require_role(user, workspace, Role.ADMIN)
    backend = backend_of(kind)
    _check_rights(user, backend)
    place = _place(backend, backend.clean(config), instance_key())
    try:
        with session_for(place) as session:
            facts = _facts(session)
    except (TargetUnreachable, TargetRefused, RunnerRefused) as error:
        raise Refused(f"{error}{_what_next(kind)}") from error
    if complaint := facts_complaint(facts):
        raise Refused(complaint)
    return facts


def target_test(*, target: ComputeTarget, may_fetch: bool = True) -> dict[str, Any]:
    """Get in touch and note what came of it in the target's health: its facts, else {}.

    Whether it has its named data is noted beside each path. An image that its engine lacks is
    fetched in the background, with `may_fetch`.
    """
    try:
        with session_for(target_place(target=target)) as session:
            facts = _facts(session)
            data_check(target=target, session=session)
    except TargetUnreachable as error:
        target_health(target=target, reachable=False, reason=str(error))
        return {}
    except (TargetRefused, RunnerRefused) as error:
        if may_fetch and isinstance(error, ImageMissing):
            _fetch_image(target)
            return {}
        health_note(
            target=target,
            health=ComputeTarget.Health.FAULTY,
            reason=f"{error}{_what_next(target.kind)}",
        )
        return {}
    target_health(target=target, reachable=True, facts=facts)
    return facts


def image_lacked(*, target: ComputeTarget, error: ImageMissing) -> str:
    """Why an image that the engine lacks cannot be had; "" when it is on its way by now.

    The target's own is fetched, but only somebody who tests the target has it tried again.
    """
    target.refresh_from_db()
    if error.image != target.config.get("image"):
        return str(error)
    if failed := target.image_fetch.get("error"):
        reason = f"{failed} Then test it again."
        health_note(target=target, health=ComputeTarget.Health.FAULTY, reason=reason)
        return str(failed)
    _fetch_image(target)
    return ""


def target_bootstrap_local(*, workspace: Workspace, user: User) -> ComputeTarget:
    """This machine as the target "local", for the owner alone; one that exists stays as it is."""
    target, _ = ComputeTarget.objects.get_or_create(
        workspace=workspace,
        name="local",
        defaults={
            "kind": LOCAL.kind,
            "config": {"root": str(settings.DATA_DIR / "targets" / "local")},
            "slots": _cores(),
            "created_by": user,
        },
    )
    return target


def _place(backend: Backend, config: Mapping[str, str], owner: str) -> Place:
    """What we make there names its owner."""
    return backend.place({**config, "owner": owner}, studio_blobs=_studio_blobs())


def _fetch_image(target: ComputeTarget) -> None:
    """Have the image of a target brought to its engine, unless somebody is at it."""
    image = str(target.config["image"])
    if target.image_fetch.get("image") != image or not target.is_fetching:
        ComputeTarget.objects.filter(pk=target.pk).update(
            image_fetch={"image": image}, image_fetch_at=None, unreachable_since=None
        )
        enqueue("compute.jobs.fetch", target.pk)
    reason = f"The image {image} is not on the engine yet: it is being fetched."
    health_note(target=target, health=ComputeTarget.Health.FAULTY, reason=reason)
    target.refresh_from_db(fields=["image_fetch", "image_fetch_at"])


def _facts(session: Session) -> dict[str, Any]:
    """What the place is and has, tried out."""
    examine = session.place.examine
    return {**session.hello(timeout_s=_TEST_S), **(examine() if examine else {})}


def _check_rights(user: User, backend: Backend) -> None:
    if backend.owner_only and not user.is_superuser:
        raise Forbidden(
            f"Only the instance owner may register, change or delete a {backend.label} target: "
            f"{backend.owner_only}."
        )


def _checked_name(workspace: Workspace, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(
            f"'{name}' cannot name a target: begin with a letter or digit, then letters, digits "
            "and - _ . (64 at most).",
            field="name",
        )
    if ComputeTarget.objects.filter(workspace=workspace, name=name).exists():
        raise Refused(
            f"There is a target '{name}' already: choose another name, or edit that one.",
            field="name",
        )
    return name


def _checked_slots(number: int, field: str) -> int:
    if not 1 <= number <= _MAX_SLOTS:
        raise Refused(
            f"{number} slots cannot be kept: give 1 to {_MAX_SLOTS:,}, the number of runs that "
            "may go on there at once.",
            field=field,
        )
    return number


def _checked_room(gib: int) -> int:
    if not 0 <= gib <= _MAX_ROOM_GIB:
        raise Refused(
            f"{gib} GiB cannot be the room for built environments: give 1 to {_MAX_ROOM_GIB:,}, or "
            "0 for no bound.",
            field="environments_gib",
        )
    return gib


def _change_place(target: ComputeTarget, config: dict[str, str]) -> None:
    """Point the target elsewhere; its health has to be found out anew."""
    if config == target.config:
        return
    live = target.runs.filter(ended_at=None).count()
    live += target.builds.filter(ended_at=None).count()
    if live:
        raise Refused(
            f"{target.name} cannot move now: {live} of its runs and builds have not ended. Wait "
            "for them or cancel them, or register a second target.",
            field=next(iter(config.keys() ^ target.config.keys()), "root"),
        )
    target.config = config
    target.data_paths.update(kind="", complaint="", checked_at=None)
    target.facts = {}
    target.image_fetch, target.image_fetch_at = {}, None
    health_note(target=target, health=ComputeTarget.Health.UNKNOWN, facts={})


def _change_gpus(target: ComputeTarget, declared: list[str] | None) -> None:
    """List other GPUs; one that is lent stays on the list until its run has ended."""
    target.declared_gpus = declared
    lent = dict(target.gpu_loans.filter(returned_at=None).values_list("gpu", "run_id"))
    gone = [gpu for gpu in lent if gpu not in target.gpus]
    if gone:
        first = [gpu for gpu in gone if lent[gpu] == lent[gone[0]]]
        raise Refused(
            f"{gpus_named(first)} of {target.name} cannot leave the list now: run {lent[gone[0]]} "
            f"has {'it' if len(first) == 1 else 'them'}. Wait for its end or cancel it.",
            field="gpus",
        )


def _studio_blobs() -> str:
    return str(settings.DATA_DIR / "blobs")


def _what_next(kind: str) -> str:
    backend = KINDS.get(kind)
    return f" {backend.advice}, then test it again." if backend else ""


def _cores() -> int:
    """The processors that this process may use, on systems that tell."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
