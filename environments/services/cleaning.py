"""Keeping built environments within the room that a target gives them, and whole.

Each kind of place where environments lie is a shelf. What is there, how large it is and who
uses it is asked on the target itself each time; our rows only tell what was found.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from django.db.models import F, Q
from django.utils import timezone

from compute.answers import EnvFound, EnvStock
from compute.models import ComputeTarget
from compute.services import target_place
from compute.session import RunnerRefused, Session, session_for
from compute.transports.base import TargetRefused, TargetUnreachable
from environments.models import Build, BuiltEnvironment
from environments.services.imageshelf import ImageShelf
from studio.lib.queue import enqueue
from studio.lib.refusal import NotFound, Refused
from studio.models import Role, User
from studio.selectors import require_role
from studio.services import audit

log = logging.getLogger(__name__)

GIB = 1024**3
_UNUSED_S = 600
"""What was used so lately is never removed for room: a run that found it may be about to start."""
_JUST_USED_S = 90
"""The same for who removes by hand: times of use are known to the minute."""
_VERIFY_AGAIN = timedelta(days=1)
_VERIFIED_AT_ONCE = 4


class Shelf(Protocol):
    """Where the built environments of one kind lie on a target."""

    @property
    def kind(self) -> str:
        """As `BuiltEnvironment.kind` has it."""
        ...

    def stock(self) -> EnvStock:
        """What lies there now."""
        ...

    def remove(self, key: str, *, unused_s: int) -> None:
        """Remove one; RunnerRefused when it is in use, or was within so many seconds."""
        ...

    def sweep(self) -> None:
        """Remove what was left by builds that were cut off."""
        ...

    def trim(self, wanted_bytes: int) -> None:
        """Free room that no environment needs."""
        ...

    def verify(self, key: str) -> str:
        """Why one is not what was built, by the hashes of its files; "" if it is."""
        ...


@dataclass(frozen=True)
class FolderShelf:
    """Virtual environments below the root of a target."""

    session: Session
    kind: str = BuiltEnvironment.Kind.FOLDER

    def stock(self) -> EnvStock:
        """As promised by `Shelf`."""
        return self.session.envs()

    def remove(self, key: str, *, unused_s: int) -> None:
        """As promised by `Shelf`."""
        self.session.remove_env(key, unused_s=unused_s)

    def sweep(self) -> None:
        """As promised by `Shelf`."""
        self.session.sweep_envs()

    def trim(self, wanted_bytes: int) -> None:
        """As promised by `Shelf`."""
        self.session.trim_cache(wanted_bytes)

    def verify(self, key: str) -> str:
        """As promised by `Shelf`."""
        return self.session.verify_env(key)


def _folders(target: ComputeTarget, session: Session) -> Shelf | None:
    return FolderShelf(session) if session.place.images is None else None


def _images(target: ComputeTarget, session: Session) -> Shelf | None:
    images = session.place.images
    return None if images is None else ImageShelf(target, session, images)


SHELVES: list[Callable[[ComputeTarget, Session], Shelf | None]] = [_folders, _images]
"""One function for each kind of shelf; None where a target has no such shelf."""


def target_clean(*, target_id: int) -> None:
    """Look at what is built on a target, verify some of it, and remove what has no room.

    Leftovers go, then what no run can ask for any more, then the packages that only the cache
    has, then whatever was not used for the longest time. What a live run or build uses, or
    somebody pinned, stays. May be called by anybody at any time.
    """
    target = ComputeTarget.objects.filter(pk=target_id).first()
    if target is None:
        return
    try:
        with session_for(target_place(target=target)) as session:
            for shelf in _shelves(target, session):
                _tend(target, shelf)
    except (TargetUnreachable, TargetRefused) as error:
        log.info("what is built on target %s was not looked at: %s", target_id, error)


def _shelves(target: ComputeTarget, session: Session) -> list[Shelf]:
    found = [make(target, session) for make in SHELVES]
    return [shelf for shelf in found if shelf is not None]


def _tend(target: ComputeTarget, shelf: Shelf) -> None:
    shelf.sweep()
    stock = _measure(target, shelf)
    for row in _to_verify(target, shelf, stock.envs):
        _verify(row, shelf)
    if _drop_useless(target, shelf, stock):
        stock = _measure(target, shelf)
    _make_room(target, shelf, stock)


def _measure(target: ComputeTarget, shelf: Shelf) -> EnvStock:
    """Write down what lies on a shelf."""
    stock = shelf.stock()
    now = timezone.now()
    for env in stock.envs:
        BuiltEnvironment.objects.update_or_create(
            target=target,
            key=env.key,
            defaults={
                "kind": shelf.kind,
                "size_bytes": env.bytes,
                "used_at": datetime.fromtimestamp(env.last_used, UTC),
                "used_by": env.used_by,
                "seen_at": now,
            },
        )
    gone = BuiltEnvironment.objects.filter(target=target, kind=shelf.kind)
    gone.exclude(key__in=[env.key for env in stock.envs]).delete()
    told = {"bytes": stock.bytes, "cache_bytes": stock.cache_bytes, "measured_at": now.isoformat()}
    stocks = {**ComputeTarget.objects.get(pk=target.pk).environments_stock, shelf.kind: told}
    ComputeTarget.objects.filter(pk=target.pk).update(environments_stock=stocks)
    return stock


def _to_verify(
    target: ComputeTarget, shelf: Shelf, found: Iterable[EnvFound]
) -> list[BuiltEnvironment]:
    """Those that nobody looked into for the longest time; some at once."""
    due = Q(verified_at=None) | Q(verified_at__lt=timezone.now() - _VERIFY_AGAIN)
    rows = BuiltEnvironment.objects.filter(due, target=target, kind=shelf.kind, fault="")
    rows = rows.filter(key__in=[env.key for env in found if env.ready])
    return list(rows.order_by(F("verified_at").asc(nulls_first=True))[:_VERIFIED_AT_ONCE])


def _verify(row: BuiltEnvironment, shelf: Shelf) -> None:
    fault = shelf.verify(row.key)
    changes = {"fault": fault} if fault else {"verified_at": timezone.now()}
    BuiltEnvironment.objects.filter(pk=row.pk).update(**changes)


def _drop_useless(target: ComputeTarget, shelf: Shelf, stock: EnvStock) -> bool:
    """Remove what no run will be given any more: damaged, or replaced by a newer generation."""
    keys = [env.key for env in stock.envs if not env.used_by]
    faulty = set(
        BuiltEnvironment.objects.filter(target=target, key__in=keys)
        .exclude(fault="")
        .values_list("key", flat=True)
    )
    useless = faulty | _replaced(target, keys)
    removed = [_removed(target, shelf, key) for key in useless]
    return any(removed)


def _replaced(target: ComputeTarget, keys: list[str]) -> set[str]:
    """Keys of which a newer generation is ready."""
    ready = Build.objects.filter(target=target, status=Build.Status.READY)
    newest: dict[str, int] = {}
    for base, generation in ready.values_list("base_key", "generation"):
        newest[base] = max(generation, newest.get(base, 0))
    rows = ready.filter(key__in=keys).values_list("key", "base_key", "generation")
    return {key for key, base, generation in rows if generation < newest[base]}


def _make_room(target: ComputeTarget, shelf: Shelf, stock: EnvStock) -> None:
    """Remove by last use until the shelf keeps to the target's bound."""
    bound = target.environments_gib * GIB
    pinned = set(target.built.filter(is_pinned=True).values_list("key", flat=True))
    free = [env for env in stock.envs if env.ready and not env.used_by and env.key not in pinned]
    free.sort(key=lambda env: env.last_used)
    while bound and stock.bytes > bound:
        if _trim(target, shelf, stock.bytes - bound):
            stock = _measure(target, shelf)
        if stock.bytes <= bound or not free:
            return
        if _removed(target, shelf, free.pop(0).key):
            stock = _measure(target, shelf)


def _trim(target: ComputeTarget, shelf: Shelf, wanted_bytes: int) -> bool:
    """Shrink the cache, unless a build may be about to take from it."""
    if target.builds.filter(status=Build.Status.RUNNING).exists():
        return False
    shelf.trim(wanted_bytes)
    return True


def _removed(target: ComputeTarget, shelf: Shelf, key: str) -> bool:
    """Whether it could be removed: the target itself refuses when somebody uses it."""
    try:
        shelf.remove(key, unused_s=_UNUSED_S)
    except RunnerRefused as error:
        log.info("environment %s of target %s stays: %s", key, target.pk, error)
        return False
    return True


def built_remove(*, user: User, built: BuiltEnvironment) -> None:
    """Remove one environment from its target; the next run that needs it builds it again.

    Raises:
        Refused: it is in use, or the target cannot be reached.
        Forbidden: the user may not write here.
    """
    target = built.target
    require_role(user, target.workspace, Role.CONTRIBUTOR)
    try:
        with session_for(target_place(target=target)) as session:
            for shelf in _shelves(target, session):
                if shelf.kind == built.kind:
                    shelf.remove(built.key, unused_s=_JUST_USED_S)
    except RunnerRefused as error:
        raise Refused(f"It stays. {error} Try again when that is over.") from error
    except (TargetUnreachable, TargetRefused) as error:
        raise Refused(f"It could not be removed: {error}") from error
    audit(user=user, workspace=target.workspace, action="environment.remove", subject=str(built))
    built.delete()
    enqueue("environments.jobs.clean", target.pk)


def built_pin(*, user: User, built: BuiltEnvironment, is_pinned: bool) -> None:
    """Keep an environment however little room there is, or no longer.

    Raises:
        Forbidden: the user may not write here.
    """
    require_role(user, built.target.workspace, Role.CONTRIBUTOR)
    BuiltEnvironment.objects.filter(pk=built.pk).update(is_pinned=is_pinned)


def built_get(*, target: ComputeTarget, key: str) -> BuiltEnvironment:
    """What lies under this key on a target that the caller may see.

    Raises:
        NotFound: nothing does.
    """
    found = BuiltEnvironment.objects.select_related("target__workspace").filter(
        target=target, key=key
    )
    if (row := found.first()) is None:
        raise NotFound(f"There is no environment {key[:12]} on {target.name} any more.")
    return row


def targets_to_clean() -> list[int]:
    """Targets on which something was ever built."""
    built = Build.objects.filter(target__enabled=True, target__unreachable_since=None)
    return sorted(set(built.values_list("target_id", flat=True)))
