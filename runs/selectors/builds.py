"""Which runs a build was made for."""

from __future__ import annotations

from django.db.models import QuerySet

from environments.models import Build
from runs.models import Run
from runs.selectors.runs import runs_of
from studio.models import User


def build_runs(*, user: User, build: Build) -> QuerySet[Run]:
    """The newest runs that waited for it or use what it made; fifty at most."""
    return runs_of(user=user).filter(build=build).order_by("-pk")[:50]
