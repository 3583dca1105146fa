"""Builds that their runner cannot see: the place itself says whether they live."""

from __future__ import annotations

import logging

from django.db import transaction

from compute.session import RunnerRefused, session_for
from compute.transports.base import TargetRefused, TargetUnreachable
from environments.models import Build
from environments.services.builds import ENDED, build_changed, build_handle, build_place

log = logging.getLogger(__name__)


def build_settle(*, build_id: int) -> bool:
    """Let the place itself say whether a build lives that its runner cannot see.

    What keeps one that lives from going on is noted with it, until it goes on: whether that
    has changed.
    """
    build = Build.objects.select_related("target").get(pk=build_id)
    if build.status in ENDED:
        return False
    try:
        with session_for(build_place(build)) as session:
            held_up = session.place.launcher(session).settle(build_handle(build))
    except (TargetUnreachable, TargetRefused) as error:
        log.info("build %s: nobody can say whether it lives: %s", build_id, error)
        return False
    except RunnerRefused as error:  # its end cannot be recorded now, as on a full disk
        held_up = str(error)
    return _note_held_up(build_id, held_up)


@transaction.atomic
def _note_held_up(build_id: int, sentence: str) -> bool:
    live = Build.objects.filter(pk=build_id, status=Build.Status.RUNNING)
    if not live.exclude(held_up=sentence).update(held_up=sentence):
        return False
    build_changed(build_id)
    return True
