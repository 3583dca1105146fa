"""Watches live runs and builds: one thread a target, one stream a target.

    sweep (every 2 s, and on hints)          thread of a target
      lease targets ------------------------> follow its live tasks
      enqueue dispatch, stop, collect         bytes -> log store -> open pages
      for what is due                         ended -> attempt_ended | build_finished

The database says what is live, the target says what happened, the log store says how far
we are. So a monitor may die at any moment, and two may watch the same target.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from compute.models import ComputeTarget
from runs.services.sweep import sweep
from runs.services.watching import live_beside_studio
from runs.watcher import StudioWatcher, TargetWatcher
from studio.lib.holder import holder_token
from studio.lib.push import listen_hints
from studio.lib.queue import enqueue

log = logging.getLogger(__name__)

SWEEP_S = 2.0
PRUNE_S = 3600.0
LEASE = timedelta(seconds=10)


class Monitor:
    """Leases targets and keeps a watcher for each until it is stopped."""

    def __init__(self) -> None:
        self.token = holder_token()
        self._watchers: dict[int, TargetWatcher] = {}
        self._beside: StudioWatcher | None = None
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._prune_at = time.monotonic() + PRUNE_S

    def run(self) -> None:
        """Sweep until `stop`; hints only make it look earlier."""
        threading.Thread(target=self._listen, name="hints", daemon=True).start()
        while not self._stopped.is_set():
            _survive(self._lease_targets)
            _survive(self._look_beside)
            _survive(sweep)
            _survive(self._prune)
            self._wake.wait(SWEEP_S)
            self._wake.clear()
        for watcher in (*self._watchers.values(), self._beside):
            if watcher is not None:
                watcher.stop()
        self._give_back()

    def stop(self) -> None:
        """End `run` soon; another monitor may take the targets at once."""
        self._stopped.set()
        self._wake.set()

    def _listen(self) -> None:
        """A hint "target 7" makes that target's watcher look now."""
        for hint in listen_hints():
            kind, _, number = hint.partition(" ")
            watcher = self._watchers.get(int(number)) if kind == "target" else None
            if watcher is not None:
                watcher.refresh()
            else:
                self._wake.set()

    def _lease_targets(self) -> None:
        free = Q(monitor_until=None) | Q(monitor_until__lt=Now()) | Q(monitor_token=self.token)
        ComputeTarget.objects.filter(free).update(
            monitor_token=self.token, monitor_until=timezone.now() + LEASE
        )
        mine = set(
            ComputeTarget.objects.filter(monitor_token=self.token).values_list("pk", flat=True)
        )
        for target_id in self._watchers.keys() - mine:
            self._watchers.pop(target_id).stop()
        for target_id in mine - self._watchers.keys():
            self._watchers[target_id] = TargetWatcher(target_id)
            self._watchers[target_id].start()
        for watcher in self._watchers.values():
            watcher.refresh()

    def _look_beside(self) -> None:
        """Follow what goes on beside the studio, as long as there is anything."""
        if live_beside_studio(holder=self.token):
            if self._beside is None:
                self._beside = StudioWatcher(self.token)
                self._beside.start()
            self._beside.refresh()
        elif self._beside is not None:
            self._beside.stop()
            self._beside = None

    def _prune(self) -> None:
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_S
            enqueue("runs.jobs.prune")

    def _give_back(self) -> None:
        ComputeTarget.objects.filter(monitor_token=self.token).update(
            monitor_token="", monitor_until=None
        )


def _survive(step: Callable[[], object]) -> None:
    """Run one step; a database that is away for a while only delays it."""
    try:
        step()
    except DatabaseError as error:
        log.warning("the database did not answer, trying again: %s", error)
        close_old_connections()
        time.sleep(0.5)
    except Exception:
        log.exception("a sweep failed, the next one tries again")
