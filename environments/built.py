"""What is built on a target: each environment with what made it, and the room that all take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from compute.models import ComputeTarget
from environments.models import Build, BuiltEnvironment
from environments.selectors import version_find
from studio.lib.refusal import NotFound

GIB = 1024**3
_KEY = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Kept:
    """An environment that lies on a target, and the newest build that made it.

    `build` is None when nobody here knows any more what it was made for.
    """

    built: BuiltEnvironment
    build: Build | None
    is_replaced: bool
    """Whether a newer generation is ready, so that no new run is given this one."""

    @property
    def name(self) -> str:
        """What it is called: its version, else the start of its key."""
        return str(self.build.version) if self.build else self.built.key[:12]

    @property
    def state(self) -> str:
        """One word: damaged, in use, replaced, ready."""
        if self.built.fault:
            return "damaged"
        if self.built.used_by:
            return "in use"
        return "replaced" if self.is_replaced else "ready"


@dataclass(frozen=True)
class Room:
    """How much one kind of built environments takes on a target."""

    kind: str
    bytes: int
    cache_bytes: int
    """What of it only the cache of packages holds."""
    bound_bytes: int
    """How much it may be; 0 for no bound."""
    measured_at: datetime

    @property
    def share(self) -> float:
        """How full it is, from 0 to 1; 0 without a bound."""
        return min(1.0, self.bytes / self.bound_bytes) if self.bound_bytes else 0.0

    def __str__(self) -> str:
        is_little = 0 < self.bytes < GIB / 20
        taken = "under 0.1" if is_little else f"{self.bytes / GIB:.1f}"
        return f"{taken} of {self.bound_bytes // GIB} GiB" if self.bound_bytes else f"{taken} GiB"


def built_list(*, target: ComputeTarget) -> list[Kept]:
    """What lay on a target that the caller may see when it was last looked at, the last used first.

    Two queries, however much it is.
    """
    rows = list(BuiltEnvironment.objects.filter(target=target).order_by("-used_at", "pk"))
    ready = Build.objects.filter(target=target, status=Build.Status.READY)
    made_these = Q(key__in=[row.key for row in rows])
    lines = ready.filter(made_these).exclude(base_key="").values("base_key")
    builds, newest = {}, dict[str, int]()
    known = ready.filter(made_these | Q(base_key__in=lines))
    for build in known.select_related("version__environment").order_by("pk"):
        builds[build.key] = build
        newest[build.base_key] = max(build.generation, newest.get(build.base_key, 0))
    return [_kept(row, builds.get(row.key), newest) for row in rows]


def built_find(*, target: ComputeTarget, reference: str) -> BuiltEnvironment:
    """What a person means by the start of a key, or by an environment ("name" or "name:3").

    Raises:
        NotFound: nothing of it lies on the target, or the start fits several.
    """
    rows = BuiltEnvironment.objects.select_related("target__workspace").filter(target=target)
    found = list(rows.filter(key__startswith=reference)[:2]) if _KEY.fullmatch(reference) else []
    if not found:
        found = list(rows.filter(key__in=_keys(target, reference)).order_by("fault", "-used_at"))
    elif len(found) > 1:
        raise NotFound(f"Several environments on {target.name} begin with {reference}: give more.")
    if not found:
        raise NotFound(
            f"There is no environment {reference[:60]} on {target.name}: it was never built "
            "there, or removed."
        )
    return found[0]


def built_rooms(*, target: ComputeTarget) -> list[Room]:
    """How much room each kind takes, as it was last measured; empty before that."""
    return [
        Room(
            kind=kind,
            bytes=told["bytes"],
            cache_bytes=told["cache_bytes"],
            bound_bytes=target.environments_gib * GIB,
            measured_at=datetime.fromisoformat(told["measured_at"]),
        )
        for kind, told in sorted(target.environments_stock.items())
    ]


def _kept(row: BuiltEnvironment, build: Build | None, newest: dict[str, int]) -> Kept:
    is_replaced = bool(build and build.base_key and build.generation < newest[build.base_key])
    return Kept(row, build, is_replaced=is_replaced)


def _keys(target: ComputeTarget, reference: str) -> Sequence[str]:
    """The keys under which a version was built there."""
    version = version_find(workspace=target.workspace, reference=reference)
    return list(Build.objects.filter(target=target, version=version).values_list("key", flat=True))
