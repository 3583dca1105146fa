"""Walking runs of one target through every step that is ready now."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from compute.gpus import gpus_named
from compute.health import target_health
from compute.models import ComputeTarget
from compute.services import image_lacked, target_place
from compute.session import RunnerRefused, Session, session_for
from compute.transports.base import ImageMissing, TargetRefused, TargetUnreachable
from environments.models import Build
from environments.services import Building, Ready, build_ensure
from runs.disk import studio_disk_is_full
from runs.models import Attempt, GpuLoan, Run
from runs.selectors.queue import Turn, queue_next
from runs.services.cancel import preparing_cancel
from runs.services.launch import attempt_launch
from runs.services.lease import UNLEASED, attempt_lease, lease_pause
from runs.services.move import run_changed, run_move
from runs.states import HOLDS_SLOT, EndReason, Status
from studio.lib.refusal import Refused

log = logging.getLogger(__name__)

STRETCH_S = 30.0
"""How long one dispatch may go on; the next hint or sweep takes over."""
UNREACHABLE_PAUSE = timedelta(seconds=2)
_UNSTARTED = (Status.PREPARING, Status.STARTING)


def target_dispatch(*, target_id: int) -> None:
    """Fill the free slots of a target and take its runs as far as they go.

    May be called any number of times, by any number of workers at once: a slot is taken
    under a lock on the target's row, and each run is walked under a lease of its own.
    """
    until = time.monotonic() + STRETCH_S
    target = ComputeTarget.objects.filter(pk=target_id).first()
    has_room = target is not None
    while has_room and target is not None and time.monotonic() < until:
        slots_fill(target_id=target_id)
        ready = _steppable().filter(run__target=target).order_by("-run__priority", "run_id")
        freed = [_walk(target, *ids) for ids in ready.values_list("run_id", "pk")]
        has_room = any(freed)


@transaction.atomic
def slots_fill(*, target_id: int) -> int:
    """Give free slots and GPUs to queued runs, in the order of `queue_next`."""
    target = ComputeTarget.objects.select_for_update().get(pk=target_id)
    if not target.enabled or target.paused_at or studio_disk_is_full():
        return 0
    return sum(_give(target, turn) for turn in queue_next(target=target))


def _give(target: ComputeTarget, turn: Turn) -> bool:
    """The slot and the GPUs in one transaction with the move, under the lock on the target."""
    text = "A slot is free"
    text += f", and {gpus_named(turn.gpus)} with it." if turn.gpus else "."
    if not run_move(run_id=turn.run_id, to=Status.PREPARING, text=text):
        return False
    now = timezone.now()
    GpuLoan.objects.bulk_create(
        GpuLoan(target=target, run_id=turn.run_id, gpu=gpu, lent_at=now) for gpu in turn.gpus
    )
    return True


def _walk(target: ComputeTarget, run_id: int, attempt_id: int) -> bool:
    """Lease one run and take it through the steps that are ready: whether its slot is free."""
    with attempt_lease(attempt_id=attempt_id) as token:
        if token is None:
            return False
        try:
            with session_for(target_place(target=target)) as session:
                return _step(target, run_id, token, session)
        except TargetUnreachable as error:
            target_health(target=target, reachable=False, reason=str(error))
            lease_pause(attempt_id=attempt_id, token=token, pause=UNREACHABLE_PAUSE)
            return False
        except TargetRefused as error:
            why = _cannot(target, error)
            if not why:
                lease_pause(attempt_id=attempt_id, token=token, pause=UNREACHABLE_PAUSE)
                return False
            _fail(run_id, token, EndReason.LAUNCH_FAILED, why)
        except RunnerRefused as error:
            _fail(run_id, token, EndReason.PLACE_FAILED, str(error))
        except Refused as error:  # a secret that it needs is gone
            _fail(run_id, token, EndReason.LAUNCH_FAILED, error.sentence)
        except DatabaseError:
            raise  # the run is as it was: the next sweep tries again
        except Exception:
            log.exception("run %s could not be dispatched", run_id)
            _fail(run_id, token, EndReason.STUDIO_ERROR, "")
        return True


def _cannot(target: ComputeTarget, error: TargetRefused) -> str:
    """Why a run cannot be there; "" when the target's image is on its way, and the run waits."""
    if isinstance(error, ImageMissing):
        return image_lacked(target=target, error=error)
    return str(error)


def _step(target: ComputeTarget, run_id: int, token: str, session: Session) -> bool:
    run = Run.objects.select_related(
        "environment_version__environment", "experiment", "snapshot", "workspace", "build", "target"
    ).get(pk=run_id)
    if run.status not in _UNSTARTED:
        return False  # another worker was faster, between our look and our lease
    if run.status == Status.PREPARING and run.cancel_requested_at is not None:
        return preparing_cancel(run=run)
    state = build_ensure(
        version=run.environment_version, target=target, session=session, waited_for=run.build
    )
    if isinstance(state, Building):
        _wait_for(run, state.build)
        return False
    if not isinstance(state, Ready):
        Run.objects.filter(pk=run_id).update(build=state.build)
        _fail(run_id, token, EndReason.BUILD_FAILED, state.sentence)
        return True
    if run.status == Status.PREPARING and not run_move(
        run_id=run_id, to=Status.STARTING, lease=token
    ):
        return False
    attempt_launch(run=run, token=token, environment=state, session=session)
    return False


def _wait_for(run: Run, build: Build) -> None:
    """Note the build that a run waits for, and show it to who looks at the run."""
    if run.build_id != build.pk:
        Run.objects.filter(pk=run.pk).update(build=build)
        run_changed(run_id=run.pk, workspace_id=run.workspace_id)


def _fail(run_id: int, token: str, reason: EndReason, sentence: str) -> None:
    run_move(
        run_id=run_id,
        to=Status.FAILED,
        reason=reason,
        text=sentence,
        lease=token,
        error=sentence.splitlines()[0][:500] if sentence else "",
    )


def targets_with_work() -> list[int]:
    """Targets on which a dispatch would find something to do now."""
    queued = ComputeTarget.objects.filter(
        Exists(Run.objects.filter(target=OuterRef("pk"), status=Status.QUEUED)),
        enabled=True,
        paused_at=None,
    ).annotate(busy=Count("runs", filter=Q(runs__status__in=HOLDS_SLOT)))
    stepping = _steppable().values_list("run__target_id", flat=True)
    roomy = queued.filter(busy__lt=F("slots"))
    free = [target.pk for target in roomy if queue_next(target=target)]
    return sorted({*free, *stepping})


def _steppable() -> QuerySet[Attempt]:
    """Attempts that hold a slot, have not started, and that nobody walks right now."""
    runs = Run.objects.filter(ended_at=None, status__in=_UNSTARTED)
    return Attempt.objects.filter(UNLEASED, run__in=runs).exclude(
        run__status=Status.PREPARING,
        run__cancel_requested_at=None,
        run__build__status=Build.Status.RUNNING,
    )
