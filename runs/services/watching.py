"""What the monitor follows: runs and builds behind one face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from compute.watch import Ended
from environments.models import Build
from environments.services import build_finished, build_folder, build_hidden
from runs.models import Attempt, Run
from runs.selectors.secrets import attempt_mask
from runs.services.finish import attempt_ended, attempt_lost
from runs.services.metrics import metrics_ingest
from runs.services.move import run_move
from runs.states import Status
from runs.stores import log_store
from studio.lib.push import push
from studio.lib.queue import enqueue

_TAIL_BYTES = 64 * 1024


class LiveTask(Protocol):
    """One thing that runs on a target right now."""

    name: str
    """Its name on the stream and the start of its log keys."""
    folder: str
    group: str
    """Who wants to know that its log grew."""
    was_started: bool

    def secrets(self) -> list[str]:
        """Values that may not reach the log store."""
        ...

    def started(self, started: Mapping[str, Any]) -> None:
        """The command runs."""
        ...

    def settled(self) -> None:
        """Outputs that stood still for a while can be collected."""
        ...

    def metrics(self) -> None:
        """The metrics file has grown."""
        ...

    def ended(self, event: Ended) -> None:
        """All of it is over and every byte is stored."""
        ...

    def is_held_up(self) -> bool:
        """Whether something over there was last known to keep it from going on."""
        ...

    def unseen(self) -> None:
        """The runner cannot tell whether it lives, or could not a moment ago."""
        ...

    def lost(self) -> None:
        """Its folder is gone for good."""
        ...


@dataclass
class LiveAttempt:
    """An attempt of a run that may be executing."""

    attempt: Attempt

    def __post_init__(self) -> None:
        self.name, self.folder = self.attempt.task, self.attempt.folder
        self.group = f"run.{self.attempt.run_id}"
        self.was_started = self.attempt.run.status != Status.STARTING

    def secrets(self) -> list[str]:
        """Values of the run's secret variables, and of the secrets that it was given."""
        given = Attempt.objects.filter(pk=self.attempt.pk).values_list("secret_values", flat=True)
        self.attempt.secret_values = given.first() or {}  # it may be followed before its launch
        return attempt_mask(self.attempt)

    def started(self, started: Mapping[str, Any]) -> None:
        """Catch up for a worker that died right after it had started the command."""
        if not self.was_started:
            self.was_started = True
            self._mark_started()

    @transaction.atomic
    def _mark_started(self) -> None:
        now = timezone.now()
        moved = run_move(
            run_id=self.attempt.run_id, to=Status.RUNNING, text="Started.", started_at=now
        )
        if moved:
            Attempt.objects.filter(pk=self.attempt.pk, started_at=None).update(started_at=now)

    def settled(self) -> None:
        """Collect settled outputs."""
        enqueue("runs.jobs.collect", self.attempt.pk)

    def metrics(self) -> None:
        """Bring new points into the database."""
        metrics_ingest(attempt_id=self.attempt.pk)

    def ended(self, event: Ended) -> None:
        """Hand the end over to the services."""
        attempt_ended(
            attempt=self.attempt, exited=event.exited, sealed=event.sealed, rebooted=event.rebooted
        )

    def is_held_up(self) -> bool:
        """As its page says."""
        return Run.objects.filter(pk=self.attempt.run_id).exclude(held_up="").exists()

    def unseen(self) -> None:
        """Ask the place itself."""
        enqueue("runs.jobs.settle", self.attempt.pk)

    def lost(self) -> None:
        """End the run as lost."""
        attempt_lost(attempt=self.attempt, text="The run's folder is gone from the target.")


@dataclass
class LiveBuild:
    """A build that is under way."""

    build: Build

    def __post_init__(self) -> None:
        self.name = f"build/{self.build.pk}"
        self.folder = build_folder(self.build)
        self.group = f"build.{self.build.pk}"
        self.was_started = True

    def secrets(self) -> list[str]:
        """Passwords of the indexes that its packages come from."""
        return build_hidden(self.build)

    def started(self, started: Mapping[str, Any]) -> None:
        """Known already: a build is running from its launch on."""

    def settled(self) -> None:
        """A build leaves an environment, not outputs."""

    def metrics(self) -> None:
        """A build logs none."""

    def ended(self, event: Ended) -> None:
        """Seal the log and tell the environments."""
        self._finish(event.exited, event.sealed)

    def is_held_up(self) -> bool:
        """As its page says."""
        return Build.objects.filter(pk=self.build.pk).exclude(held_up="").exists()

    def unseen(self) -> None:
        """Ask the place itself."""
        enqueue("runs.jobs.settle_build", self.build.pk)

    def lost(self) -> None:
        """A build without a folder has failed."""
        self._finish(None, None)

    def _finish(self, exited: Mapping[str, Any] | None, sealed: Mapping[str, Any] | None) -> None:
        key, store = self.build.log_key, log_store()
        receipt = store.seal(
            key,
            size=int(sealed["log_bytes"]) if sealed else None,
            sha256=sealed["sha256"] if sealed else None,
            masked=int(sealed.get("masked") or 0) if sealed else 0,
        )
        start = max(0, receipt.stored_bytes - _TAIL_BYTES)
        build_finished(
            build=self.build,
            exited=exited,
            receipt=asdict(receipt),
            log_tail=store.read(key, start, _TAIL_BYTES),
        )
        size = receipt.stored_bytes
        push(self.group, {"type": "log.grew", "key": key, "size": size, "sealed": True})


def live_tasks(*, target_id: int) -> list[LiveTask]:
    """Everything on this target whose end has not been seen yet."""
    attempts = Attempt.objects.select_related("run").filter(
        run__target_id=target_id,
        run__status__in=(Status.STARTING, Status.RUNNING, Status.FINALIZING),
        ended_at=None,
    )
    builds = _running_builds().filter(target_id=target_id, on_studio=False)
    return [*map(LiveAttempt, attempts), *map(LiveBuild, builds)]


def live_beside_studio(*, holder: str) -> list[LiveTask]:
    """What goes on beside the studio for the targets that this monitor has leased."""
    builds = _running_builds().filter(on_studio=True, target__monitor_token=holder)
    return list(map(LiveBuild, builds))


def _running_builds() -> QuerySet[Build]:
    return Build.objects.select_related("target").filter(status=Build.Status.RUNNING)
