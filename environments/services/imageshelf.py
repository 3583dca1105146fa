"""Built environments that are images of an engine, as a shelf that is kept in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Max
from django.utils import timezone

from compute.answers import EnvFound, EnvStock
from compute.models import ComputeTarget
from compute.session import RunnerRefused, Session
from compute.transports.base import TargetRefused
from environments.models import BuiltEnvironment
from environments.services.bases import engine_words

if TYPE_CHECKING:
    from compute.images import EngineImages

_NOTED = timedelta(minutes=1)


@dataclass(frozen=True)
class ImageShelf:
    """The images that our builds made on the engine of a target, and uv's cache in its volume."""

    target: ComputeTarget
    session: Session
    images: EngineImages
    kind: str = BuiltEnvironment.Kind.IMAGE

    def stock(self) -> EnvStock:
        """As promised by `Shelf`; when one was used last is what our rows of any target say."""
        found = self.images.stock()
        cache = self.session.envs().cache_bytes
        used = _used_at(image.key for image in found.images)
        envs = [
            EnvFound(
                key=image.key,
                bytes=image.bytes,
                last_used=max(image.made_at, used.get(image.key, 0.0)),
                ready=True,
                used_by=image.used_by,
            )
            for image in found.images
        ]
        return EnvStock(envs, found.bytes + cache, cache)

    def remove(self, key: str, *, unused_s: int) -> None:
        """As promised by `Shelf`; the engine itself refuses while a container uses it."""
        env = next((env for env in self.stock().envs if env.key == key), None)
        if env is None:
            return
        if env.used_by:
            raise RunnerRefused(f"Image {key[:12]} is in use by {', '.join(env.used_by)}.", "used")
        if by := self._pinned_by(key):
            raise RunnerRefused(f"Image {key[:12]} is pinned on {by}, on the same engine.", "used")
        if timezone.now().timestamp() - env.last_used < unused_s:
            raise RunnerRefused(f"Image {key[:12]} was used a moment ago.", "used")
        try:
            self.images.remove(key)
        except TargetRefused as error:
            raise RunnerRefused(str(error), "used") from error

    def sweep(self) -> None:
        """As promised by `Shelf`; an image has its name only when it is whole."""
        self.images.sweep()

    def trim(self, wanted_bytes: int) -> None:
        """As promised by `Shelf`: what only the cache of packages has."""
        self.session.trim_cache(wanted_bytes)

    def verify(self, key: str) -> str:
        """As promised by `Shelf`."""
        image = self.images.built(key)
        fault = image_fault(target=self.target, key=key, image=image) if image else ""
        return fault or self.images.verify(key, runner_sha=self.session.runner_sha)

    def _pinned_by(self, key: str) -> str:
        """Another target on the same engine where somebody pinned it."""
        pinned = BuiltEnvironment.objects.filter(key=key, is_pinned=True, kind=self.kind)
        others = pinned.exclude(target=self.target).select_related("target")
        here = engine_words(self.target)
        return next((str(row.target) for row in others if engine_words(row.target) == here), "")


def image_used(*, target: ComputeTarget, key: str, image: str) -> None:
    """Note to the minute that a run was given the image of a key, and which one that is."""
    now = timezone.now()
    rows = BuiltEnvironment.objects.filter(target=target, key=key, image=image)
    if not rows.filter(used_at__gt=now - _NOTED).exists():
        BuiltEnvironment.objects.update_or_create(
            target=target,
            key=key,
            defaults={"kind": BuiltEnvironment.Kind.IMAGE, "used_at": now, "image": image},
        )


def image_fault(*, target: ComputeTarget, key: str, image: str) -> str:
    """Why what is there as the image of a key cannot be used: damage, or it is another image.

    The engine knows an image by the digest of all that is in it, but lends its name to any other.
    """
    row = BuiltEnvironment.objects.filter(target=target, key=key).first()
    if row is None:
        return ""
    if not row.fault and row.image not in {"", image}:
        row.fault = f"Its name leads to another image: {_short(image)}, not {_short(row.image)}."
        row.save(update_fields=["fault"])
    return row.fault


def _short(image: str) -> str:
    return image.removeprefix("sha256:")[:12]


def _used_at(keys: Iterable[str]) -> dict[str, float]:
    rows = BuiltEnvironment.objects.filter(key__in=list(keys), kind=BuiltEnvironment.Kind.IMAGE)
    found = rows.values_list("key").annotate(last=Max("used_at"))
    return {key: last.timestamp() for key, last in found if isinstance(last, datetime)}
