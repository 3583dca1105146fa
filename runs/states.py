r"""The life of a run as words: where it is, why it ended, and which moves are lawful.

    queued -> preparing -> starting -> running -> finalizing -> completed
       |          |            |          |            |    \-> failed
       \----------+------------+----------+------------+-----> canceled

A wish to cancel is a time stamp on the run, not a status. Pure: no Django, no records.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    """Waits for a free slot on its target."""
    PREPARING = "preparing"
    """Holds a slot; its environment is being built."""
    STARTING = "starting"
    """Its files are on their way; the runner is being launched."""
    RUNNING = "running"
    """The command runs on the target."""
    FINALIZING = "finalizing"
    """The command ended; the last log bytes and artifacts come home."""
    COMPLETED = "completed"
    """Ended as it should."""
    FAILED = "failed"
    """Ended otherwise; the reason says how."""
    CANCELED = "canceled"
    """Ended because somebody asked."""


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELED})
LIVE = frozenset(set(Status) - FINAL)
HOLDS_SLOT = frozenset({Status.PREPARING, Status.STARTING, Status.RUNNING, Status.FINALIZING})
"""A run in one of these occupies a slot of its target."""

MOVES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.PREPARING, Status.FAILED, Status.CANCELED}),
    Status.PREPARING: frozenset({Status.STARTING, Status.QUEUED, Status.FAILED, Status.CANCELED}),
    Status.STARTING: frozenset(
        {Status.RUNNING, Status.FINALIZING, Status.QUEUED, Status.FAILED, Status.CANCELED}
    ),
    Status.RUNNING: frozenset({Status.FINALIZING, Status.FAILED, Status.CANCELED}),
    Status.FINALIZING: FINAL,
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
}

TAKEN_BACK: dict[Status, Status] = {Status.CANCELED: Status.QUEUED}
"""The one way out of a final status: a cancel that ended a run in the queue is taken back, because
nothing of it had begun. No other ending is undone: it tells what happened on a target."""


class Retry(StrEnum):
    """Whether running the same thing again can help."""

    NEVER = "never"
    """The same input would end the same way."""
    AGAIN = "again"
    """The cause lies outside the script and may be gone."""


class EndReason(StrEnum):
    """Why a run ended."""

    EXITED_ZERO = "exited_zero"
    EXITED_NONZERO = "exited_nonzero"
    SIGNALED = "signaled"
    CANCELED_BY_USER = "canceled_by_user"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    BUILD_FAILED = "build_failed"
    PLACE_FAILED = "place_failed"
    LAUNCH_FAILED = "launch_failed"
    EXIT_LOST = "exit_lost"
    HOST_RESTARTED = "host_restarted"
    STOPPED_OUTSIDE = "stopped_outside"
    TARGET_LOST = "target_lost"
    PREEMPTED = "preempted"
    STUDIO_ERROR = "studio_error"


@dataclass(frozen=True)
class Ending:
    """What a reason means: the one final status, the retry class, the sentence for people."""

    status: Status
    retry: Retry
    sentence: str


ENDINGS: dict[EndReason, Ending] = {
    EndReason.EXITED_ZERO: Ending(
        Status.COMPLETED, Retry.NEVER, "The command ended with exit code 0."
    ),
    EndReason.EXITED_NONZERO: Ending(
        Status.FAILED,
        Retry.NEVER,
        "The command ended with an exit code other than 0: read the end of the log, mend the "
        "script and submit again.",
    ),
    EndReason.SIGNALED: Ending(
        Status.FAILED,
        Retry.NEVER,
        "The command was killed by a signal that Runyard did not send: read the end of the log "
        "and the system log of the target.",
    ),
    EndReason.CANCELED_BY_USER: Ending(
        Status.CANCELED, Retry.NEVER, "Canceled on request; the whole process tree was stopped."
    ),
    EndReason.TIMED_OUT: Ending(
        Status.FAILED,
        Retry.NEVER,
        "The time limit was reached and the process tree was stopped: submit again with a longer "
        "limit, or let the script save and resume.",
    ),
    EndReason.OUT_OF_MEMORY: Ending(
        Status.FAILED,
        Retry.NEVER,
        "The system killed the command for using too much memory: use less, or a target with more.",
    ),
    EndReason.BUILD_FAILED: Ending(
        Status.FAILED,
        Retry.NEVER,
        "The environment could not be built: the build log says why; mend the requirements.",
    ),
    EndReason.PLACE_FAILED: Ending(
        Status.FAILED,
        Retry.AGAIN,
        "The files could not be placed on the target: check its disk space, then run again.",
    ),
    EndReason.LAUNCH_FAILED: Ending(
        Status.FAILED,
        Retry.AGAIN,
        "The command could not be started on the target: the events say why.",
    ),
    EndReason.EXIT_LOST: Ending(
        Status.FAILED,
        Retry.AGAIN,
        "The keeper of this run was killed, so nobody saw how the command ended. The log is kept; "
        "run it again.",
    ),
    EndReason.HOST_RESTARTED: Ending(
        Status.FAILED,
        Retry.AGAIN,
        "The target, or the engine that held its container, stopped or restarted while the command "
        "ran. The log up to then is kept; run it again.",
    ),
    EndReason.STOPPED_OUTSIDE: Ending(
        Status.FAILED,
        Retry.AGAIN,
        "Something outside Runyard ended the run on its target; the error says what is known of "
        "it. The log up to then is kept; run it again.",
    ),
    EndReason.TARGET_LOST: Ending(
        Status.FAILED,
        Retry.AGAIN,
        "The run's folder is gone from its target, so nobody can know how it ended. What was "
        "stored of the log is kept: run it again, here or on another target.",
    ),
    EndReason.PREEMPTED: Ending(
        Status.FAILED, Retry.AGAIN, "The target took its resources back: run it again."
    ),
    EndReason.STUDIO_ERROR: Ending(
        Status.FAILED,
        Retry.AGAIN,
        "The studio made a mistake while handling this run; its own log has the details. "
        "Run it again, and report it if it repeats.",
    ),
}


def may_move(old: Status, new: Status) -> bool:
    """Whether a run in `old` may go to `new`."""
    return new in MOVES[old]
