"""What follows when a build has ended in an engine: its image is stored, then its rest removed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from compute.session import RunnerRefused, Session, session_for
from compute.transports.base import TargetRefused, TargetUnreachable
from environments.models import Build
from environments.services.builds import (
    AGAIN,
    ENDED,
    FROM_OUTSIDE,
    build_folder,
    build_handle,
    build_place,
    build_stored,
    leaves_container,
)
from studio.lib.holder import holder_is_gone, holder_token

if TYPE_CHECKING:
    from compute.images import EngineImages

log = logging.getLogger(__name__)

_LEASE = timedelta(seconds=60)
_RENEW_S = 20.0
_LAST_MOMENT_S = 10.0
_LOOK_EVERY_S = 0.1


def build_store(*, build_id: int) -> None:
    """Store the image of a build whose container ended well, and remove what it leaves there.

    May be repeated by anybody at any time, and is while the build counts as running: there is
    one image for a key, whoever dies in the middle.
    """
    build = Build.objects.select_related("target", "version__environment").get(pk=build_id)
    try:
        with _lease(build) as is_mine:
            if is_mine:
                with session_for(build_place(build)) as session:
                    build.refresh_from_db(fields=["status", "receipt", "handle", "error"])
                    _store(build, session)
    except (TargetUnreachable, TargetRefused, RunnerRefused) as error:
        log.info("build %s: what it made waits to be stored: %s", build_id, error)


def _store(build: Build, session: Session) -> None:
    is_over = build.status == Build.Status.RUNNING and build.receipt is not None
    images = session.place.images
    if is_over and leaves_container(build) and images is not None:
        build_stored(build=build, error=_commit(build, session, images))
        build.refresh_from_db(fields=["status"])
    if build.status in ENDED:
        _clear(build, session)


def _commit(build: Build, session: Session, images: EngineImages) -> str:
    """Make an image of what it made: why that cannot be, "" when it is done."""
    if build.error:  # something told it to end, and the engine may know who
        launcher = session.place.launcher(session)
        told = launcher.witness(build_handle(build), reason="host_shutdown")
        return f"{told.sentence} {AGAIN}" if told.sentence else FROM_OUTSIDE[told.reason]
    try:
        images.commit(task=build_folder(build), key=build.key)
    except TargetRefused as error:
        return str(error)
    return ""


def _clear(build: Build, session: Session) -> None:
    """What kept the build writes down how it ended a moment before it ends itself."""
    launcher, handle = session.place.launcher(session), build_handle(build)
    deadline = time.monotonic() + _LAST_MOMENT_S
    while launcher.alive(handle) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    launcher.clear(handle)


@contextmanager
def _lease(build: Build) -> Iterator[bool]:
    """Hold the build for the time of the block: whether nobody else holds it."""
    token, rows = holder_token(), Build.objects.filter(pk=build.pk)
    build.refresh_from_db(fields=["lease_token"])
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    if build.lease_token and holder_is_gone(build.lease_token):
        free |= Q(lease_token=build.lease_token)
    if not rows.filter(free).update(lease_token=token, lease_until=Now() + _LEASE):
        yield False
        return
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(build.pk, token, done), daemon=True)
    renewer.start()
    try:
        yield True
    finally:
        done.set()
        renewer.join()
        rows.filter(lease_token=token).update(lease_until=None)


def _renew(build_id: int, token: str, done: threading.Event) -> None:
    while not done.wait(_RENEW_S):
        try:
            Build.objects.filter(pk=build_id, lease_token=token).update(lease_until=Now() + _LEASE)
        except DatabaseError:
            continue  # the next round tries again; without one the lease runs out
        finally:
            connection.close()
