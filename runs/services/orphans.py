"""Leases of the dead: what a killed process held is free again at once, not after its time."""

from __future__ import annotations

from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from compute.models import ComputeTarget
from environments.models import Build, LockUpdate
from runs.models import Attempt, Run, SourceImport
from runs.states import LIVE
from studio.lib.holder import holder_is_gone


def leases_release() -> None:
    """End the leases of processes that ended on this machine; all others run out by themselves."""
    _release(
        Attempt.objects.filter(run__in=Run.objects.filter(ended_at=None, status__in=LIVE)), "lease"
    )
    _release(Build.objects.filter(status=Build.Status.QUEUED), "lease")
    _release(LockUpdate.objects.filter(status=LockUpdate.Status.RUNNING), "lease")
    _release(SourceImport.objects.filter(ended_at=None), "lease")
    _release(ComputeTarget.objects.all(), "monitor")


def _release(rows: QuerySet[Model], lease: str) -> None:
    token, until = f"{lease}_token", f"{lease}_until"
    held = rows.filter(**{f"{until}__gt": Now()}).values_list("pk", token)
    for pk, holder in held:
        if holder_is_gone(holder):
            rows.model._default_manager.filter(pk=pk, **{token: holder}).update(**{until: None})
