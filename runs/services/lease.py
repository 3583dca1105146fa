"""A worker's short hold on an attempt: who holds it takes its next step, others keep off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from runs.models import Attempt
from studio.lib.holder import holder_token

LEASE = timedelta(seconds=30)
"""How long the attempt of a worker that cannot be seen stays untouched."""
_RENEW_S = 10.0

UNLEASED = Q(lease_until=None) | Q(lease_until__lt=Now())


@contextmanager
def attempt_lease(*, attempt_id: int) -> Iterator[str | None]:
    """Hold the attempt for the time of the block: the token, or None when another holds it.

    The hold is renewed while the block goes on, however long a transfer takes; the
    database's clock judges it. Whoever writes under a lease filters on its token.
    """
    token = holder_token()
    mine = Attempt.objects.filter(UNLEASED, pk=attempt_id).update(
        lease_token=token, lease_until=Now() + LEASE
    )
    if not mine:
        yield None
        return
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(attempt_id, token, done), daemon=True)
    renewer.start()
    try:
        yield token
    finally:
        done.set()
        renewer.join()
        Attempt.objects.filter(pk=attempt_id, lease_token=token).update(
            lease_token="", lease_until=None
        )


def lease_pause(*, attempt_id: int, token: str, pause: timedelta) -> None:
    """End the hold, but let nobody else begin before a pause is over."""
    Attempt.objects.filter(pk=attempt_id, lease_token=token).update(
        lease_token="", lease_until=Now() + pause
    )


def _renew(attempt_id: int, token: str, done: threading.Event) -> None:
    while not done.wait(_RENEW_S):
        try:
            Attempt.objects.filter(pk=attempt_id, lease_token=token).update(
                lease_until=Now() + LEASE
            )
        except DatabaseError:
            continue  # the next round tries again; without one the lease runs out
        finally:
            connection.close()
