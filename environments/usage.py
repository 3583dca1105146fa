"""Who uses environments: runs, by experiment, and builds that are under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet

from environments.models import Build, Environment, EnvironmentVersion

_LIVE = (Build.Status.QUEUED, Build.Status.RUNNING)


@dataclass(frozen=True)
class Uses:
    """What keeps an environment or version from being deleted."""

    runs: int
    """With those in the trash, which can still be restored."""
    in_trash: int
    live_builds: Sequence[int]


@dataclass(frozen=True)
class ExperimentUse:
    """The runs of one experiment in an environment."""

    name: str
    runs: int
    last_at: datetime


def uses_of_version(*, version: EnvironmentVersion) -> Uses:
    """Runs in this version, or in what was built for it."""
    return _uses(EnvironmentVersion.objects.filter(pk=version.pk))


def uses_of_environment(*, environment: Environment) -> Uses:
    """The same for all its versions together."""
    return _uses(environment.versions.all())


def experiments_using(*, version: EnvironmentVersion) -> list[ExperimentUse]:
    """The experiments with runs in this version, the last used first; the trash does not count."""
    rows = version.runs.filter(deleted_at=None).values("experiment__name")
    rows = rows.annotate(runs=Count("pk"), last_at=Max("created_at")).order_by("-last_at")
    return [ExperimentUse(row["experiment__name"], row["runs"], row["last_at"]) for row in rows]


def _uses(versions: QuerySet[EnvironmentVersion]) -> Uses:
    keys = list(versions.values_list("pk", flat=True))
    ours = versions.aggregate(
        every=Count("runs"), trash=Count("runs", filter=Q(runs__deleted_at__isnull=False))
    )
    others = Q(runs__isnull=False) & ~Q(runs__environment_version__in=keys)
    builds = Build.objects.filter(version__in=keys)
    lent = builds.aggregate(
        every=Count("runs", filter=others),
        trash=Count("runs", filter=others & Q(runs__deleted_at__isnull=False)),
    )
    return Uses(
        runs=ours["every"] + lent["every"],
        in_trash=ours["trash"] + lent["trash"],
        live_builds=list(builds.filter(status__in=_LIVE).values_list("pk", flat=True)),
    )
