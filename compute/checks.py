"""Targets that give members more than they may think; `manage.py check --deploy` names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004
from django.db import DatabaseError

from compute.backends import KINDS
from compute.models import ComputeTarget


@register(Tags.security, deploy=True)
def local_targets_open(**_: Any) -> Iterable[CheckMessage]:
    """A run there reads the studio's key and database: its member is as good as the owner."""
    kinds = [backend.kind for backend in KINDS.values() if backend.has_studio_rights]
    try:
        targets = list(ComputeTarget.objects.filter(kind__in=kinds, open_to_members=True))
    except DatabaseError:  # not made yet, or away: then no run starts either
        return
    for target in targets:
        yield Warning(
            f"The target {target.name} is open to members, and runs there have the rights of the "
            "studio's own user.",
            hint="Close it to members unless each of them may act as the instance owner.",
            id="compute.W001",
        )
