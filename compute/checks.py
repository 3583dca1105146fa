"""Targets that give members more than they may think, or cannot do all that their kind can."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004
from django.db import DatabaseError

from compute.backends import KINDS
from compute.docker_cli import docker_cli
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


@register()
def dockerfiles_buildable(**_: Any) -> Iterable[CheckMessage]:
    """Without a docker command that has BuildKit a Docker target can do all but Dockerfiles."""
    try:
        names = list(ComputeTarget.objects.filter(kind="docker").values_list("name", flat=True))
    except DatabaseError:
        return
    if names and not docker_cli(settings.DOCKER_CLI, os.environ.get("PATH", os.defpath)):
        named = f"{settings.DOCKER_CLI} is none" if settings.DOCKER_CLI else "there is none here"
        yield Warning(
            f"Environments from a Dockerfile cannot be built for {', '.join(names)}: that takes a "
            f"docker command with BuildKit, and {named}.",
            hint="Install docker-buildx, or name a docker command that has BuildKit by "
            "RUNYARD_DOCKER_CLI. Environments of other kinds need none.",
            id="compute.W002",
        )
