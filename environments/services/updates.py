"""Bringing the packages of a version up to date: looked at first, a new version on demand.

    update_start      queued, with a hint to the workers
    update_resolve    a worker: running -> ready | failed with a sentence
    update_apply      ready -> applied: the next version has exactly the locks that were shown

The row is the truth, a job only a hint: the sweep repeats lost ones, and a worker that died is
replaced once its lease is over. Nothing is resolved twice, and no version ever moves.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from environments.interpreter import Interpreter
from environments.lock import LockFailed
from environments.models import Build, Environment, EnvironmentVersion, Lock, LockUpdate
from environments.selectors import update_changes, version_number, version_require_use
from environments.services.locks import lock_text
from studio.lib.holder import holder_token
from studio.lib.push import push
from studio.lib.queue import enqueue
from studio.lib.refusal import Refused
from studio.models import Role, User
from studio.selectors import require_role
from studio.services import audit

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
"""How long a worker may be silent about an update before another one takes it."""
PATIENCE = timedelta(seconds=3)
"""A hint is given this long to arrive before the sweep repeats it."""
_LIVE = (LockUpdate.Status.QUEUED, LockUpdate.Status.RUNNING)
_FREE = Q(lease_until=None) | Q(lease_until__lt=Now())


class _Lost(Exception):
    """Another worker has it, or its version was deleted."""


def update_start(*, user: User, version: EnvironmentVersion) -> LockUpdate:
    """Resolve a version's packages anew beside its locks; one that goes on already is answered.

    Raises:
        Refused: it has no lock that could be brought up to date; the sentence says why.
        Forbidden: the user may not write here.
    """
    require_role(user, version.environment.workspace, Role.CONTRIBUTOR)
    _check(version)
    try:
        with transaction.atomic():
            version.lock_updates.filter(
                status__in=(LockUpdate.Status.READY, LockUpdate.Status.FAILED)
            ).delete()
            found = LockUpdate.objects.create(version=version, created_by=user)
            enqueue("environments.jobs.update", found.pk)
            return found
    except IntegrityError:
        return version.lock_updates.get(status__in=_LIVE)


def update_resolve(*, update_id: int) -> None:
    """Do it, unless somebody else does or it has ended."""
    token = holder_token()
    claim = LockUpdate.objects.filter(_FREE, pk=update_id, status__in=_LIVE)
    running = LockUpdate.Status.RUNNING
    if not claim.update(status=running, lease_token=token, lease_until=Now() + LEASE, locks=[]):
        return
    found = LockUpdate.objects.select_related("version__environment").get(pk=update_id)
    try:
        _resolve(found)
    except _Lost:
        pass
    except LockFailed as error:
        _end(found, LockUpdate.Status.FAILED, error=str(error))
    except DatabaseError:
        raise  # its lease runs out, and the sweep has it tried again
    except Exception:
        log.exception("update %s failed", update_id)
        said = "The studio failed at it and has written down why: try once more."
        _end(found, LockUpdate.Status.FAILED, error=said)


@transaction.atomic
def update_apply(*, user: User, update: LockUpdate) -> EnvironmentVersion:
    """The next version: the same definition with exactly the locks that were shown.

    Asking again answers with the same version.

    Raises:
        Refused: it is not ready, or nothing would change.
        Forbidden: the user may not write here.
    """
    environment = update.version.environment
    require_role(user, environment.workspace, Role.CONTRIBUTOR)
    Environment.objects.select_for_update().get(pk=environment.pk)
    update = LockUpdate.objects.select_related("version__environment", "made").get(pk=update.pk)
    if update.made is not None:
        return update.made
    _check_ready(update)
    base = update.version
    made = EnvironmentVersion.objects.create(
        environment=environment,
        number=version_number(environment=environment),
        spec=base.spec,
        spec_digest=base.spec_digest,
        updates=base,
        created_by=user,
    )
    Lock.objects.bulk_create(Lock(version=made, **lock) for lock in update.locks)
    LockUpdate.objects.filter(pk=update.pk).update(
        status=LockUpdate.Status.APPLIED, made=made, locks=[]
    )
    audit(
        user=user,
        workspace=environment.workspace,
        action="environment.update",
        subject=f"{base} to {made.number}",
    )
    return made


def updates_due() -> list[int]:
    """Updates that somebody should do now."""
    late = Q(status=LockUpdate.Status.RUNNING) | Q(created_at__lt=timezone.now() - PATIENCE)
    found = LockUpdate.objects.filter(_FREE, late, status__in=_LIVE)
    return list(found.order_by("pk").values_list("pk", flat=True))


def _check(version: EnvironmentVersion) -> None:
    version_require_use(version=version)
    if version.environment.origin == Environment.Origin.CURATED:
        raise Refused(
            f"{version} is curated: its packages move with the studio. Make an environment of "
            "your own from it."
        )
    if "requirements" not in version.spec:
        raise Refused(f"{version} has no packages that Runyard resolves: nothing can be updated.")
    if not version.locks.exists():
        raise Refused(f"{version} has no lock yet: its first run resolves the newest packages.")


def _check_ready(update: LockUpdate) -> None:
    if update.is_live:
        raise Refused(f"The packages of {update.version} are still being resolved: wait for it.")
    if update.status == LockUpdate.Status.FAILED:
        raise Refused(f"The packages of {update.version} could not be resolved: update it anew.")
    if update.status == LockUpdate.Status.APPLIED:
        raise Refused("The version that this update made was deleted: update the packages anew.")
    if not any(change.changes for change in update_changes(update=update)):
        raise Refused(f"Nothing would change: {update.version} has the newest packages.")


def _resolve(update: LockUpdate) -> None:
    done = []
    for lock in update.version.locks.order_by("pk"):
        interpreter = Interpreter("", lock.python_version, lock.platform)
        built_here = Build.objects.filter(lock=lock, target__kind="local")
        text = lock_text(
            version=update.version,
            interpreter=interpreter,
            may_build=built_here.exists(),
            while_waiting=lambda: _beat(update),
        )
        done.append(
            {"python_version": lock.python_version, "platform": lock.platform, "text": text}
        )
        _beat(update, locks=done)
    _end(update, LockUpdate.Status.READY)


def _beat(update: LockUpdate, **said: object) -> None:
    if not _mine(update).update(lease_until=Now() + LEASE, **said):
        raise _Lost
    _tell(update)


def _end(update: LockUpdate, status: LockUpdate.Status, error: str = "") -> None:
    _mine(update).update(status=status, error=error, ended_at=timezone.now(), lease_until=None)
    _tell(update)


def _mine(update: LockUpdate) -> QuerySet[LockUpdate]:
    return LockUpdate.objects.filter(
        pk=update.pk, status=LockUpdate.Status.RUNNING, lease_token=update.lease_token
    )


def _tell(update: LockUpdate) -> None:
    workspace = update.version.environment.workspace_id
    push(f"environments.{workspace}", {"type": "environments.changed"})
