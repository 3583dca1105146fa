"""From "it ended on the target" to a final status: seal, receive the results, conclude."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from compute.answers import Collected
from compute.launchers.base import Launcher
from compute.models import ComputeTarget
from compute.services import target_place
from compute.session import RunnerRefused, Session, session_for
from compute.transports.base import TargetRefused, TargetUnreachable
from environments.selectors import environment_remedy, module_advice
from runs.models import Attempt, Run
from runs.selectors.secrets import attempt_mask
from runs.services.lease import attempt_lease
from runs.services.metrics import metrics_ingest
from runs.services.move import run_changed, run_move, run_note
from runs.services.outputs import outputs_keep, storable_path
from runs.states import ENDINGS, EndReason, Status
from runs.stores import log_store
from runs.tracebacks import Cause, find_cause
from studio.lib.push import push
from studio.lib.queue import enqueue

log = logging.getLogger(__name__)

SETTLED_S = 10.0
"""An output that stood still for so long is collected while the run goes on."""
_TAIL_BYTES = 64 * 1024
_FULL_BYTES = 1024 * 1024
_TO_BE_ASKED = frozenset({"host_shutdown", "out_of_memory"})
"""Reasons in a target's record of which the place may know more."""
_NO_SPACE = "No space left on device"
_DISK_FULL = (
    "The disk of the target was full when the command ended: free some space there, then run it "
    "again."
)


def attempt_ended(
    *,
    attempt: Attempt,
    exited: Mapping[str, Any] | None,
    sealed: Mapping[str, Any] | None,
    rebooted: bool,
) -> None:
    """Note how the command ended; all bytes of its log are stored already.

    `exited` is the target's own record: without it nobody saw the end, and no code is
    invented. The rest (seal, artifacts, final status) is a worker's step.
    """
    reason = end_reason(exited, rebooted=rebooted)
    with transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk, ended_at=None).update(
            exited=exited, sealed=sealed, ended_at=timezone.now(), end_reason=reason
        )
        run_move(
            run_id=attempt.run_id,
            to=Status.FINALIZING,
            text="The command ended.",
            exit_code=exit_code(exited),
        )
        enqueue("runs.jobs.collect", attempt.pk)


def end_reason(exited: Mapping[str, Any] | None, *, rebooted: bool) -> EndReason:
    """Why it ended, from the target's record."""
    if exited is None:
        return EndReason.HOST_RESTARTED if rebooted else EndReason.EXIT_LOST
    named = {
        "timed_out": EndReason.TIMED_OUT,
        "canceled_by_user": EndReason.CANCELED_BY_USER,
        "exec_failed": EndReason.LAUNCH_FAILED,
        "out_of_memory": EndReason.OUT_OF_MEMORY,
        "keeper_lost": EndReason.EXIT_LOST,
        "host_shutdown": EndReason.STOPPED_OUTSIDE,
        "host_restarted": EndReason.HOST_RESTARTED,
        "stopped_outside": EndReason.STOPPED_OUTSIDE,
    }
    if exited.get("reason"):
        return named.get(exited["reason"], EndReason.STUDIO_ERROR)
    status = exited.get("status") or {}
    if "signaled" in status:
        return EndReason.SIGNALED
    return EndReason.EXITED_NONZERO if status.get("exited", 1) else EndReason.EXITED_ZERO


def exit_code(exited: Mapping[str, Any] | None) -> int | None:
    """The code a shell would show: 128 + n for signal n, None when nobody saw it."""
    status = (exited or {}).get("status") or {}
    if "signaled" in status:
        return 128 + int(status["signaled"])
    return int(status["exited"]) if "exited" in status else None


def attempt_settle(*, attempt_id: int) -> None:
    """Let the place itself say whether an attempt lives that its runner cannot see.

    One that died without a word gets its record there, and the watch finds it. What keeps one
    that lives from going on is noted with the run, until it goes on.
    """
    attempt = Attempt.objects.select_related("run__target").get(pk=attempt_id)
    if attempt.ended_at is not None:
        return
    try:
        with session_for(target_place(target=attempt.run.target)) as session:
            handle = attempt.handle or {"name": attempt.folder}
            held_up = session.place.launcher(session).settle(handle)
    except (TargetUnreachable, TargetRefused) as error:
        log.info("run %s: nobody can say whether it lives: %s", attempt.run_id, error)
        return
    except RunnerRefused as error:  # its end cannot be recorded now, as on a full disk
        held_up = str(error)
    _note_held_up(attempt.run_id, held_up)


@transaction.atomic
def _note_held_up(run_id: int, sentence: str) -> None:
    if Run.objects.filter(pk=run_id).exclude(held_up=sentence).update(held_up=sentence):
        run_note(run_id=run_id, kind="held_up", text=sentence or "Nothing holds it up any more.")


def attempt_collect(*, attempt_id: int) -> int | None:
    """Take what is ready from an attempt: settled outputs while it runs, all at its end.

    May be repeated; while one worker is at it, others leave it alone. The answer is the
    target on which a slot has become free.
    """
    with attempt_lease(attempt_id=attempt_id) as token:
        return _receive(attempt_id) if token is not None else None


def _receive(attempt_id: int) -> int | None:
    attempt = Attempt.objects.select_related("run__target", "run__workspace").get(pk=attempt_id)
    run, ended = attempt.run, attempt.ended_at is not None
    if run.is_final:
        return None
    try:
        with session_for(target_place(target=run.target)) as session:
            if ended:
                _seal(attempt, session)
            settled_s = None if ended else SETTLED_S
            found = outputs_keep(attempt=attempt, session=session, settled_s=settled_s)
            if ended:
                _release(attempt, session.place.launcher(session))
    except (TargetUnreachable, TargetRefused):
        log.info("run %s: the target is unreachable, results will be collected later", run.pk)
        return None
    except RunnerRefused as error:
        run_note(run_id=run.pk, kind="collect", text=f"The outputs could not be read: {error}")
        found = Collected()
    if not ended:
        if found.files:
            run_changed(run_id=run.pk)  # open pages show them
        return None
    _conclude(attempt, found)
    return run.target_id


def _release(attempt: Attempt, launcher: Launcher) -> None:
    """Let the place give up what it holds, once it has told what only it knows of the end."""
    handle, exited = attempt.handle or {"name": attempt.folder}, attempt.exited or {}
    if exited.get("reason") in _TO_BE_ASKED:
        told = launcher.witness(handle, reason=exited["reason"])
        attempt.exited = {
            **exited,
            "reason": told.reason,
            "error": told.sentence or exited.get("error"),
        }
        attempt.end_reason = end_reason(attempt.exited, rebooted=False)
        Attempt.objects.filter(pk=attempt.pk).update(
            exited=attempt.exited, end_reason=attempt.end_reason
        )
    launcher.release(handle)


def attempt_lost(*, attempt: Attempt, text: str) -> None:
    """End a run whose folder is proven gone from its target; what we have is kept.

    What may go on there all the same, as a container does, is ended by a worker.
    """
    with transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk, ended_at=None).update(
            ended_at=timezone.now(), end_reason=EndReason.TARGET_LOST
        )
        run_move(run_id=attempt.run_id, to=Status.FINALIZING, text=text)
    attempt.refresh_from_db()
    _seal_without_target(attempt)
    _conclude(attempt, Collected())
    enqueue("runs.jobs.release", attempt.pk)
    enqueue("runs.jobs.dispatch", attempt.run.target_id)


def attempt_release(*, attempt_id: int) -> None:
    """Have the target give up what it holds of an attempt that is over; else it is a leftover."""
    attempt = Attempt.objects.select_related("run__target").get(pk=attempt_id)
    if not attempt.run.is_final:
        return
    try:
        with session_for(target_place(target=attempt.run.target)) as session:
            _release(attempt, session.place.launcher(session))
    except (TargetUnreachable, TargetRefused, RunnerRefused) as error:
        log.info("run %s: what its target holds of it stays: %s", attempt.run_id, error)


def _seal(attempt: Attempt, session: Session) -> None:
    """Compare what the target wrote with what we stored, and close the log."""
    if attempt.receipt is not None:
        return
    sealed = attempt.sealed or session.seal(attempt.folder, attempt_mask(attempt))
    if sealed is None:
        _seal_without_target(attempt)
        return
    receipt = log_store().seal(
        attempt.log_key,
        size=int(sealed["log_bytes"]),
        sha256=sealed["sha256"],
        masked=int(sealed["masked"]),
    )
    _save_receipt(attempt, asdict(receipt))


def _seal_without_target(attempt: Attempt) -> None:
    receipt = log_store().seal(attempt.log_key, size=None, sha256=None, masked=0)
    _save_receipt(attempt, asdict(receipt))


def _save_receipt(attempt: Attempt, receipt: dict[str, Any]) -> None:
    attempt.receipt = receipt
    Attempt.objects.filter(pk=attempt.pk).update(receipt=receipt)
    push(
        f"run.{attempt.run_id}",
        {
            "type": "log.grew",
            "key": attempt.log_key,
            "size": receipt["stored_bytes"],
            "sealed": True,
        },
    )


def _conclude(attempt: Attempt, found: Collected) -> None:
    """The final move, with the one line for lists when it failed."""
    metrics_ingest(attempt_id=attempt.pk)
    reason = EndReason(attempt.end_reason)
    cause = Cause("")
    if ENDINGS[reason].status is Status.FAILED:
        cause = _cause(attempt, reason)
    sentence = ENDINGS[reason].sentence
    if cause.missing_module:
        sentence = f"{sentence} {_advice(attempt.run, cause.missing_module)}"
    run_move(
        run_id=attempt.run_id,
        to=ENDINGS[reason].status,
        reason=reason,
        text=sentence,
        error=cause.line,
        extra_files=[{"path": storable_path(f.path), "size": f.size} for f in found.extra],
    )
    Attempt.objects.filter(pk=attempt.pk).update(secret_values={})  # nothing is left to hide


def _cause(attempt: Attempt, reason: EndReason) -> Cause:
    if attempt.exited and attempt.exited.get("error"):
        return Cause(str(attempt.exited["error"])[:500])
    if reason not in {EndReason.EXITED_NONZERO, EndReason.SIGNALED}:
        return Cause(ENDINGS[reason].sentence)
    size = log_store().size(attempt.log_key)
    start = max(0, size - _TAIL_BYTES)
    cause = find_cause(log_store().read(attempt.log_key, start, size - start))
    return cause if _NO_SPACE in cause.line or not _disk_was_full(attempt) else Cause(_DISK_FULL)


def _disk_was_full(attempt: Attempt) -> bool:
    """Whether nothing more could be written at the end, perhaps not even the error to the log."""
    free = (attempt.exited or {}).get("disk_free_bytes")
    return isinstance(free, int) and free < _FULL_BYTES


def _advice(run: Run, module: str) -> str:
    distribution, environment = module_advice(workspace=run.workspace, missing=module)
    if environment:
        return f"The package {distribution} is missing: the environment {environment} has it."
    remedy = environment_remedy(environment=run.environment_version.environment)
    return f"The package {distribution} is missing, and no environment has it: {remedy}"


def target_stop_run(*, run_id: int) -> None:
    """Tell the target that this run shall end; an unreachable one is told by a later sweep."""
    attempt = (
        Attempt.objects.select_related("run__target").filter(run_id=run_id).order_by("-number")[0]
    )
    run = attempt.run
    if run.is_final or run.status == Status.FINALIZING:
        return
    if run.status == Status.PREPARING:
        enqueue("runs.jobs.dispatch", run.target_id)
        return
    reason = EndReason.CANCELED_BY_USER if run.cancel_requested_at else EndReason.TIMED_OUT
    _stop(run.target, attempt, reason)


def _stop(target: ComputeTarget, attempt: Attempt, reason: EndReason) -> None:
    try:
        with session_for(target_place(target=target)) as session:
            session.place.launcher(session).stop(
                attempt.handle or {"name": attempt.folder},
                reason=reason,
                grace_s=attempt.run.grace_s,
            )
    except (TargetUnreachable, TargetRefused):
        log.info("run %s: the wish to stop waits until the target is reachable", attempt.run_id)
