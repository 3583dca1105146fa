"""Whose turn it is on a target: the rule by which slots and GPUs are given."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from compute.models import ComputeTarget
from runs.models import GpuLoan, Run
from runs.states import HOLDS_SLOT, Status


@dataclass(frozen=True)
class Turn:
    """A queued run that may start now, and the GPUs for it."""

    run_id: int
    gpus: list[str]


def queue_next(*, target: ComputeTarget) -> list[Turn]:
    """The queued runs that may start now: highest priority first, then oldest.

    Runs that ask for GPUs keep this order among themselves: the first that has to wait for
    some keeps those that are free, or many small runs would starve a large one. Runs without
    GPUs pass it and delay it by nothing, for a GPU that is given back brings a slot along. A
    run that asks for more than the target has (any more) holds up nobody.
    """
    room = target.slots - Run.objects.filter(target=target, status__in=HOLDS_SLOT).count()
    free = gpus_free(target=target) if room > 0 else []
    turns: list[Turn] = []
    for _, run_id, asked in _line(target, room):
        needed = len(target.gpus) if asked is None else asked
        if needed > len(free):
            free = []
        elif len(turns) < room:
            turns.append(Turn(run_id, free[:needed]))
            free = free[needed:]
    return turns


def gpus_free(*, target: ComputeTarget) -> list[str]:
    """The GPUs of the target that no run has."""
    lent = set(gpu_loans_of(target=target).values_list("gpu", flat=True))
    return [gpu for gpu in target.gpus if gpu not in lent]


def gpu_loans_of(*, target: ComputeTarget) -> QuerySet[GpuLoan]:
    """What is lent of the target now."""
    return GpuLoan.objects.filter(target=target, returned_at=None)


def queue_asking(*, target: ComputeTarget) -> QuerySet[Run]:
    """The queued runs that ask for GPUs and can get as many, in their order."""
    total = len(target.gpus)
    can = Q(gpus__range=(1, total)) | Q(gpus=None)
    return _queued(target).filter(can) if total else Run.objects.none()


def _queued(target: ComputeTarget) -> QuerySet[Run]:
    waiting = Run.objects.filter(target=target, status=Status.QUEUED, cancel_requested_at=None)
    return waiting.order_by("-priority", "pk")


def _line(target: ComputeTarget, room: int) -> list[tuple[int, int, int | None]]:
    """(-priority, run, GPUs asked for) of the first in line; no more than could start."""
    if room <= 0:
        return []
    kinds = (_queued(target).filter(gpus=0), queue_asking(target=target))
    rows = [kind.values_list("priority", "pk", "gpus")[:room] for kind in kinds]
    sorted_rows = ([(-priority, pk, gpus) for priority, pk, gpus in kind] for kind in rows)
    return list(heapq.merge(*sorted_rows, key=lambda row: row[:2]))
