"""Who uses environments: runs, by experiment, and builds that are under way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Prefetch, Q, QuerySet

from environments.lock import lock_pins
from environments.models import Build, Environment, EnvironmentVersion, Lock, VersionLabel
from environments.packages import Card, environment_cards
from environments.selectors import LATEST
from studio.models import Workspace

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


@dataclass(frozen=True)
class VersionRow:
    """A version in the list of its environment."""

    version: EnvironmentVersion
    labels: list[str]
    runs: int
    """Without those in the trash."""

    @property
    def packages(self) -> int | None:
        """How many are locked, if any lock is known."""
        locks = list(self.version.locks.all())
        return len(lock_pins(locks[0].text)) if locks else None


def version_rows(*, environment: Environment) -> list[VersionRow]:
    """All versions, newest first, with their labels; `latest` comes before the others."""
    versions = list(
        environment.versions.select_related("created_by", "updates", "environment")
        .prefetch_related("labels", Prefetch("locks", Lock.objects.order_by("pk")))
        .annotate(run_count=Count("runs", filter=Q(runs__deleted_at=None)))
        .order_by("-number")
    )
    latest = next((version.pk for version in versions if version.archived_at is None), None)
    return [
        VersionRow(
            version=version,
            labels=[LATEST] * (version.pk == latest)
            + [label.name for label in version.labels.all()],
            runs=version.run_count,
        )
        for version in versions
    ]


@dataclass(frozen=True)
class Offer:
    """A curated environment as a card of the list."""

    card: Card
    version: EnvironmentVersion
    ready_on: list[str]
    """The targets where its newest version is built."""


def offers(*, workspace: Workspace) -> list[Offer]:
    """The curated environments in use, by name."""
    cards = [card for card in environment_cards(workspace=workspace) if card.is_curated]
    keys = [card.version_id for card in cards]
    versions = EnvironmentVersion.objects.select_related("environment").in_bulk(keys)
    ready: dict[int, set[str]] = {}
    built = Build.objects.filter(version__in=keys, status=Build.Status.READY, is_current=True)
    for version, target in built.values_list("version", "target__name"):
        ready.setdefault(version, set()).add(target)
    return [
        Offer(card, versions[card.version_id], sorted(ready.get(card.version_id, ())))
        for card in cards
    ]


def newest_versions(*, environments: Iterable[Environment]) -> dict[int, EnvironmentVersion]:
    """What each environment means without a number: {its key: version}."""
    versions = EnvironmentVersion.objects.filter(environment__in=environments).order_by("number")
    found: dict[int, EnvironmentVersion] = {}
    for version in sorted(versions, key=lambda version: version.archived_at is None):
        found[version.environment_id] = version  # the last one counts: in use, then the highest
    return found


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


def _name(label: VersionLabel) -> str:
    return label.name


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
