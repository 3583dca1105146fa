"""Bringing the image that a target's runs execute in to its engine, in the background."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from compute.health import health_note
from compute.models import ComputeTarget
from compute.references import registry_of
from compute.registries import registry_logins_used
from compute.selectors import registry_logins_for
from compute.services import target_test

if TYPE_CHECKING:
    from compute.pulling import Progress

_SILENT = timedelta(seconds=60)
"""Who fetches and says nothing for so long is taken for dead. Fetching twice does no harm."""
_EVERY_S = 1.0


class _Notes:
    """Writes down in the target's row how far its image is, about once a second."""

    def __init__(self, target: ComputeTarget, image: str) -> None:
        self._rows = _waiting_for(target, image)
        self._image, self._at = image, 0.0

    def say(self, sentence: str) -> None:
        """As promised by `Listener`."""
        self._write(sentence)

    def progress(self, progress: Progress) -> None:
        """As promised by `Listener`."""
        if time.monotonic() - self._at >= _EVERY_S:
            self._write(str(progress))

    def _write(self, text: str) -> None:
        self._at = time.monotonic()
        told = {"image": self._image, "progress": text}
        self._rows.update(image_fetch=told, image_fetch_at=timezone.now())


def image_fetch(*, target_id: int) -> None:
    """Fetch the image that a target waits for, then test the target; or note why it cannot be had.

    May be asked for by anybody at any time: one does it.
    """
    from compute.containers import engine_from  # noqa: PLC0415  (most processes need no engine)
    from compute.pulling import PullFailed, pull  # noqa: PLC0415

    target = ComputeTarget.objects.filter(pk=target_id).first()
    if target is None or not target.is_fetching or not _claim(target):
        return
    image = str(target.image_fetch["image"])
    host = registry_of(image)
    logins = registry_logins_for(workspace=target.workspace, hosts=[host])
    try:
        pull(
            engine_from(target.config),
            image,
            logins.get(host, {}),
            listener=_Notes(target, image),
            platform=target.config.get("platform", ""),
        )
    except PullFailed as error:
        if _end(target, image, {"image": image, "error": str(error)}):
            reason = f"{error} Then test it again."
            health_note(target=target, health=ComputeTarget.Health.FAULTY, reason=reason)
    else:
        if _end(target, image, {}):
            target_test(target=target, may_fetch=False)
    registry_logins_used(workspace=target.workspace, hosts=list(logins))


def fetches_due() -> list[int]:
    """Targets that wait for their image, and nobody brings it."""
    waiting = ComputeTarget.objects.exclude(image_fetch={}).filter(_free())
    return [target.pk for target in waiting if target.is_fetching]


def _claim(target: ComputeTarget) -> bool:
    rows = ComputeTarget.objects.filter(_free(), pk=target.pk)
    return bool(rows.update(image_fetch_at=timezone.now()))


def _free() -> Q:
    return Q(image_fetch_at=None) | Q(image_fetch_at__lt=timezone.now() - _SILENT)


def _end(target: ComputeTarget, image: str, told: dict[str, str]) -> bool:
    """Note how it came out: whether the target still waited for this image."""
    is_noted = bool(_waiting_for(target, image).update(image_fetch=told, image_fetch_at=None))
    target.refresh_from_db()
    return is_noted


def _waiting_for(target: ComputeTarget, image: str) -> QuerySet[ComputeTarget]:
    """The row of the target, unless somebody has given it another image by now."""
    return ComputeTarget.objects.filter(pk=target.pk, image_fetch__image=image)
