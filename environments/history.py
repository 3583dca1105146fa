"""What earlier builds tell of a new one: why it is needed, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from django.db.models import F
from django.utils import timezone

from compute.models import ComputeTarget
from environments.buildkey import KeyParts
from environments.lock import lock_pins, pin_name
from environments.models import Build, EnvironmentVersion
from studio.lib.spans import span_text

_BASIS = 5
"""How many earlier builds an estimate looks at."""
_NAMED = 3
"""How many changed packages are named."""


def build_took(*, version: EnvironmentVersion, target: ComputeTarget) -> float | None:
    """How many seconds the environment usually takes there; None when it was never built there."""
    ready = Build.objects.filter(
        version__environment=version.environment_id,
        target=target,
        status=Build.Status.READY,
        started_at__isnull=False,
        ended_at__isnull=False,
    )
    times = ready.order_by("-pk").values_list(F("ended_at") - F("started_at"), flat=True)[:_BASIS]
    lengths = [time.total_seconds() for time in times]
    return median(lengths) if lengths else None


def build_progress(*, build: Build) -> str:
    """How long it goes on and how long it took before: "(20 s so far, took 2 min last time)"."""
    parts = []
    if build.started_at is not None:
        parts.append(f"{span_text((timezone.now() - build.started_at).total_seconds())} so far")
    took = build_took(version=build.version, target=build.target)
    if took is not None:
        parts.append(f"usually takes {span_text(took)} there")
    return f" ({', '.join(parts)})" if parts else ""


def build_reason(*, build: Build) -> str:
    """Why it was made: what changed since the last build of its environment on its target."""
    if build.cause:
        return build.cause
    environment, target = build.version.environment, build.target
    before = Build.objects.filter(
        version__environment=environment,
        target=target,
        status=Build.Status.READY,
        pk__lt=build.pk,
        on_studio=build.on_studio,  # an image is pulled for other reasons than it is built
    )
    last = before.select_related("lock").order_by("-pk").first()
    if last is None:
        return f"It is the first of {environment} on {target}."
    changes = _changes(last, build)
    if not changes:
        return f"What build {last.pk} made is gone from {target}; nothing else changed."
    return f"Since build {last.pk}, {'; '.join(changes)}."


def _changes(last: Build, build: Build) -> list[str]:
    old, new = KeyParts.from_json(last.key_parts), KeyParts.from_json(build.key_parts)
    said = []
    if old.lock != new.lock and last.lock and build.lock:
        said.append(packages_told(lock_pins(last.lock.text), lock_pins(build.lock.text)))
    if (old.python, old.python_version) != (new.python, new.python_version):
        was, now = (f"Python {each.python_version} at {each.python}" for each in (old, new))
        said.append(f"{was} became {now}")
    if old.platform != new.platform:
        said.append(f"the platform {old.platform} became {new.platform}")
    if old.image != new.image:
        said.append("the base image changed")
    if old.steps != new.steps:
        said.append("Runyard makes environments in another way")
    return said


def packages_told(old: Iterable[str], new: Iterable[str]) -> str:
    """Which packages are pinned differently, as `lock_pins` has them: the first few by name."""
    before, after = ({pin_name(pin): pin for pin in pins} for pins in (old, new))
    names = sorted(name for name in before | after if before.get(name) != after.get(name))
    if not names:
        return "the hashes of packages changed"
    shown = [_change(name, before.get(name), after.get(name)) for name in names[:_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more packages" if more else "")


def _change(name: str, old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"{name} was {'added' if old is None else 'removed'}"
    was, now = (pin.partition("==")[2].partition(" ")[0] for pin in (old, new))
    return f"{name} {was} became {now}" if was != now else f"{name} changed its marker"
