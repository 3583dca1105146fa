"""Follows all live tasks of one target over one stream."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import Error as DatabaseError
from django.db import close_old_connections

from compute import watch as events
from compute.health import target_health
from compute.models import ComputeTarget
from compute.place import Place
from compute.services import image_lacked, studio_place, target_place, target_test
from compute.transports.base import ImageMissing, TargetRefused, TargetUnreachable
from compute.watch import Watch
from runs.intake import Intake, Rewind
from runs.services.watching import LiveTask, live_beside_studio, live_tasks
from runs.stores import log_store
from studio.lib.push import push

log = logging.getLogger(__name__)

GONE_S = 60.0
"""A folder that stays gone for so long on a healthy target is lost."""
METRICS_EVERY_S = 0.25
UNSEEN_EVERY_S = 4.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.5, 10.0


@dataclass
class _Followed:
    """One task that the stream carries, and how far each of its streams is stored."""

    task: LiveTask
    intakes: dict[str, Intake] = field(default_factory=dict)
    metrics_at: float = 0.0
    metrics_due: bool = False
    asked_at: float = 0.0
    is_in_doubt: bool = False
    """Whether the place was last asked what the runner could not see."""


class Watcher:
    """A thread that keeps one `watch` stream to a place open and applies what it says."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._watch: Watch | None = None
        self._followed: dict[str, _Followed] = {}
        self._gone_since: dict[str, float] = {}
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def live_tasks(self) -> list[LiveTask]:
        """What is to be followed."""
        raise NotImplementedError

    def place(self) -> Place:
        """Where it is followed."""
        raise NotImplementedError

    def connected(self) -> None:
        """The stream stands."""

    def report(self, error: TargetUnreachable | TargetRefused) -> None:
        """The stream broke, or cannot be had."""
        log.warning("%s: %s", self._name, error)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the stream; the tasks themselves go on."""
        self._stopped.set()
        with self._lock:
            if self._watch is not None:
                self._watch.close()

    def refresh(self) -> None:
        """Follow what has become live, and tell the target that we are still here."""
        try:
            with self._lock:
                if self._watch is None:
                    return
                self._watch.ping()
                for task in self.live_tasks():
                    if task.name not in self._followed:
                        self._follow(task)
                for followed in list(self._followed.values()):
                    self._ingest_metrics(followed)
        except (TargetUnreachable, OSError):
            return  # the reading thread notices too, and reconnects
        except DatabaseError as error:
            log.warning("%s: the database did not answer: %s", self._name, error)
            close_old_connections()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._stopped.is_set():
            try:
                with self._open() as watch:
                    pause = _FIRST_PAUSE_S
                    self.refresh()
                    for event in watch:
                        self._apply_surely(event)
            except (TargetUnreachable, TargetRefused) as error:
                if not self._stopped.is_set():
                    self.report(error)
            except DatabaseError as error:
                log.warning("%s: the database did not answer: %s", self._name, error)
                close_old_connections()
            except Exception:
                log.exception("watching %s failed, starting again", self._name)
            self._stopped.wait(pause)
            pause = min(pause * 2, _LAST_PAUSE_S)

    @contextmanager
    def _open(self) -> Iterator[Watch]:
        with Watch(self.place()) as watch:
            self.connected()
            with self._lock:
                self._watch = watch
            try:
                yield watch
            finally:
                with self._lock:
                    self._watch = None
                    self._followed.clear()

    def _follow(self, task: LiveTask) -> None:
        assert self._watch is not None  # noqa: S101  (callers hold the lock and checked)
        self._followed[task.name] = _Followed(task, is_in_doubt=task.is_held_up())
        prefix = f"{task.name}/"
        sizes = {
            key.removeprefix(prefix): log_store().size(key) for key in log_store().keys(prefix)
        }
        self._watch.follow(task.name, task.folder, sizes)

    def _apply_surely(self, event: events.Event) -> None:
        """Apply an event; while the database is away, wait with it: nothing is dropped."""
        while not self._stopped.is_set():
            try:
                with self._lock:
                    self._apply(event)
            except DatabaseError as error:
                log.warning("%s: waiting for the database: %s", self._name, error)
                close_old_connections()
                self._stopped.wait(_FIRST_PAUSE_S)
            except (TargetUnreachable, OSError):
                raise
            except Exception:  # it is about one task: the others are watched on
                log.exception("%s: %s is followed anew", self._name, event.task)
                with self._lock:
                    self._drop(event.task)
                return
            else:
                return

    def _apply(self, event: events.Event) -> None:
        followed = self._followed.get(event.task)
        if followed is None:
            return
        if not isinstance(event, events.Gone):
            self._gone_since.pop(event.task, None)
        if isinstance(event, events.Bytes):
            self._take(followed, event)
        elif isinstance(event, events.Started):
            followed.task.started(event.started)
        elif isinstance(event, events.Beat):
            self._heed(followed, event)
        elif isinstance(event, events.Settled):
            followed.task.settled()
        elif isinstance(event, events.Ended):
            self._end(followed, event)
        elif isinstance(event, events.Gone):
            self._gone(followed)
        elif isinstance(event, events.Short):
            log.warning("%s/%s was cut by its own script", event.task, event.stream)

    def _heed(self, followed: _Followed, event: events.Beat) -> None:
        """Have the place asked, now and then, while the runner sees neither life nor death.

        And after that until what held it up there is known to be gone.
        """
        now, is_unseen = time.monotonic(), event.keeper == "unknown"
        if (is_unseen or followed.is_in_doubt) and now >= followed.asked_at + UNSEEN_EVERY_S:
            followed.asked_at = now
            followed.is_in_doubt = is_unseen or followed.task.is_held_up()
            followed.task.unseen()

    def _take(self, followed: _Followed, event: events.Bytes) -> None:
        intake = self._intake(followed, event.stream)
        try:
            before = intake.stored
            size = intake.take(event.offset, event.data)
        except Rewind as rewind:
            if self._watch is not None:
                self._watch.rewind(event.task, event.stream, rewind.offset)
            return
        if event.stream == "metrics.jsonl":
            followed.metrics_due = True
            self._ingest_metrics(followed)
        elif size > before:
            self._grew(followed, event.stream, size)

    def _intake(self, followed: _Followed, stream: str) -> Intake:
        if stream not in followed.intakes:
            said_by_command = stream == "run.log" or stream.startswith("logs/")
            followed.intakes[stream] = Intake(
                log_store(),
                f"{followed.task.name}/{stream}",
                followed.task.secrets() if said_by_command else (),
            )
        return followed.intakes[stream]

    def _grew(self, followed: _Followed, stream: str, size: int) -> None:
        key = f"{followed.task.name}/{stream}"
        push(followed.task.group, {"type": "log.grew", "key": key, "size": size, "sealed": False})

    def _ingest_metrics(self, followed: _Followed) -> None:
        now = time.monotonic()
        if followed.metrics_due and now - followed.metrics_at >= METRICS_EVERY_S:
            followed.metrics_due, followed.metrics_at = False, now
            followed.task.metrics()

    def _end(self, followed: _Followed, event: events.Ended) -> None:
        """The target says that this was all: believe it once every byte is here."""
        for stream, size in event.streams.items():
            if self._intake(followed, stream).finish() < size:
                self._drop(event.task)
                self._follow(followed.task)
                return
        followed.task.ended(event)
        self._drop(event.task)

    def _gone(self, followed: _Followed) -> None:
        """Not there yet, or lost: only time on a target that answers tells."""
        since = self._gone_since.setdefault(followed.task.name, time.monotonic())
        self._drop(followed.task.name)
        if followed.task.was_started and time.monotonic() - since > GONE_S:
            self._gone_since.pop(followed.task.name)
            followed.task.lost()

    def _drop(self, task: str) -> None:
        self._followed.pop(task, None)
        if self._watch is not None:
            self._watch.unfollow(task)


class TargetWatcher(Watcher):
    """Follows what goes on on one target, and notes whether it answers."""

    def __init__(self, target_id: int) -> None:
        super().__init__(f"target-{target_id}")
        self._target_id = target_id

    def live_tasks(self) -> list[LiveTask]:
        """Its runs and builds."""
        return live_tasks(target_id=self._target_id)

    def place(self) -> Place:
        """The target, as it is set now."""
        return target_place(target=self._target())

    def connected(self) -> None:
        """Note what it says of itself."""
        target_test(target=self._target())

    def report(self, error: TargetUnreachable | TargetRefused) -> None:
        """Note since when it does not answer, or have the image fetched that it lacks."""
        try:
            if isinstance(error, ImageMissing):
                image_lacked(target=self._target(), error=error)
            else:
                target_health(target=self._target(), reachable=False, reason=str(error))
        except (DatabaseError, ComputeTarget.DoesNotExist) as problem:
            log.warning("%s: %s (%s)", self._name, error, problem)
            close_old_connections()

    def _target(self) -> ComputeTarget:
        return ComputeTarget.objects.get(pk=self._target_id)


class StudioWatcher(Watcher):
    """Follows what goes on beside the studio for the targets of one monitor."""

    def __init__(self, holder: str) -> None:
        super().__init__("studio")
        self._holder = holder

    def live_tasks(self) -> list[LiveTask]:
        """Builds that tell an engine what to do."""
        return live_beside_studio(holder=self._holder)

    def place(self) -> Place:
        """This machine."""
        return studio_place()
