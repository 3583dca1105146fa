"""Builds that somebody orders ahead of the runs that will need them."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from compute.health import target_health
from compute.models import ComputeTarget
from compute.selectors import target_usable
from compute.services import target_place
from compute.session import RunnerRefused, session_for
from compute.transports.base import TargetRefused, TargetUnreachable
from environments.models import Build, BuildOrder, EnvironmentVersion
from environments.services.ensure import Building, Failed
from environments.services.readiness import build_ensure
from environments.spec import IMAGE, USER_MANAGED
from studio.lib.queue import enqueue
from studio.lib.refusal import Refused
from studio.models import Role, User
from studio.selectors import require_role

log = logging.getLogger(__name__)

_PATIENCE = timedelta(seconds=3)


@transaction.atomic
def build_order(
    *, user: User, version: EnvironmentVersion, target: ComputeTarget, is_rebuild: bool = False
) -> BuildOrder:
    """Have an environment built on a target now; a rebuild makes it anew although it is ready.

    Runs that use what is there go on with it, and new ones take it until the rebuild is
    ready. Asking again while an order is open gives that order.

    Raises:
        Refused: nothing is ever built for it, or the user may not run there.
        Forbidden: the user may not write here.
    """
    require_role(user, target.workspace, Role.CONTRIBUTOR)
    if version.spec["kind"] == USER_MANAGED:
        raise Refused(
            f"Nothing is built for {version}: it uses the Python at "
            f"{version.spec['interpreter_path']} as it is.",
            field="environment",
        )
    if is_rebuild and version.spec["kind"] == IMAGE:
        raise Refused(
            f"{version} is the image {version.spec['image']} as it is, so nothing can be built "
            "anew: what that name means by now becomes another version of the environment.",
            field="environment",
        )
    if obstacle := target_usable(user=user, target=target):
        raise Refused(obstacle, field="target")
    same = _open().filter(version=version, target=target, is_rebuild=is_rebuild).first()
    if same is not None:
        return same
    order = BuildOrder.objects.create(
        version=version, target=target, user=user, is_rebuild=is_rebuild
    )
    enqueue("environments.jobs.order", order.pk)
    return order


def order_walk(*, order_id: int) -> None:
    """Take an order as far as it goes now; may be repeated by anybody at any time."""
    orders = _open().select_related("version__environment", "target", "user", "build")
    order = orders.filter(pk=order_id).first()
    if order is None:
        return
    try:
        _step(order)
    except TargetUnreachable as error:
        target_health(target=order.target, reachable=False, reason=str(error))
    except (TargetRefused, RunnerRefused) as error:
        _end(order, str(error))


def _step(order: BuildOrder) -> None:
    with session_for(target_place(target=order.target)) as session:
        state = build_ensure(
            version=order.version,
            target=order.target,
            session=session,
            waited_for=order.build,
            anew=_why(order) if order.is_rebuild else "",
        )
    if isinstance(state, Building):
        _note_build(order, state.build)
    elif isinstance(state, Failed):
        _note_build(order, state.build)
        _end(order, state.sentence)
    else:
        _end(order, "")


def _why(order: BuildOrder) -> str:
    return f"{order.user.username if order.user else 'Somebody'} asked for it to be made anew."


def _note_build(order: BuildOrder, build: Build | None) -> None:
    BuildOrder.objects.filter(pk=order.pk).update(build=build)


def _end(order: BuildOrder, error: str) -> None:
    BuildOrder.objects.filter(pk=order.pk).update(error=error, ended_at=timezone.now())


def _open() -> QuerySet[BuildOrder]:
    """Orders without a build that has at least begun."""
    waiting = Q(build=None) | Q(build__status=Build.Status.QUEUED)
    return BuildOrder.objects.filter(waiting, ended_at=None)


def orders_due() -> list[int]:
    """Orders that wait for a while already: for a worker, for the target, or for a build slot."""
    due = _open().filter(created_at__lt=timezone.now() - _PATIENCE)
    return list(due.values_list("pk", flat=True))
