"""What is in environments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import Prefetch

from environments.catalog import template_named
from environments.conda import conda_read
from environments.lock import lock_pins, pin_name
from environments.models import Environment, EnvironmentVersion, Lock
from environments.requirements import requirements_read
from environments.selectors import environment_rank, latest_versions, version_get
from environments.spec import CONDA, INSTALLED, USER_MANAGED, Spec
from studio.models import Workspace


@dataclass(frozen=True)
class Contents:
    """What is known to be in an environment."""

    called: str
    """Its name, or "requirements.txt"."""
    packages: frozenset[str] | None
    """Canonical names; None when it is an image, or a Python that somebody else looks after."""
    is_locked: bool
    """Whether these are all packages; without a lock they are those that are asked for."""


@dataclass(frozen=True)
class Card:
    """An environment as one chooses among several."""

    name: str
    description: str
    is_curated: bool
    main: list[str]
    """What is asked for, with the versions that the lock gives, like "numpy 2.4.6"."""
    pins: list[str]
    interpreter: str
    """The path of the Python that it uses as it is; empty: packages are installed."""
    version_id: int
    environment_id: int
    spec: Spec
    """The whole definition."""
    installed_bytes: int = 0
    """What a curated one takes on disk, as measured; 0 when nobody knows."""
    needs: str = ""
    """What a target must have for it, or what to know before."""


def contents_of(
    *, workspace: Workspace, name: str, requirements: str | None, default: str
) -> Contents:
    """What a run would find that names this environment, or leaves it to the folder's text.

    `requirements` is the folder's requirements.txt, None when there is none; `default` the
    environment that is taken when there is neither.

    Raises:
        NotFound: there is no environment of that name.
        Refused: a line of the requirements cannot be used.
    """
    if not name.strip() and requirements is not None:
        asked = frozenset(line.name for line in requirements_read(requirements))
        return Contents("requirements.txt", asked, is_locked=False)
    return _contents(version_get(workspace=workspace, reference=name or default))


def environment_with(*, workspace: Workspace, packages: Collection[str]) -> str:
    """The smallest environment that has all of these, a curated one before others; "": none."""
    found = [
        environment_rank(environment=version.environment, packages=len(known.packages))
        for version in _with_locks(workspace)
        if (known := _contents(version)).packages is not None and known.packages >= set(packages)
    ]
    return min(found)[-1] if found else ""


def environment_cards(*, workspace: Workspace) -> list[Card]:
    """The environments that one may choose from: curated ones first, each in its newest version."""
    cards = [_card(version) for version in _with_locks(workspace)]
    return sorted(cards, key=lambda card: (not card.is_curated, card.name))


def environment_card(*, version: EnvironmentVersion) -> Card:
    """One version of an environment, for whoever wants exactly that."""
    card = _card(version)
    return Card(**{**card.__dict__, "name": str(version)})


def _contents(version: EnvironmentVersion) -> Contents:
    called = version.environment.name
    spec = version.spec
    if spec["kind"] == CONDA:
        return Contents(called, conda_read(spec["conda"]).names, is_locked=False)
    if spec["kind"] not in INSTALLED:
        return Contents(called, None, is_locked=False)
    locks = list(version.locks.all())
    names = _asked(version).union(*(_pinned(lock.text) for lock in locks))
    has_more = "image" in spec  # what its base brings
    return Contents(called, names, is_locked=bool(locks) and not has_more)


def _card(version: EnvironmentVersion) -> Card:
    environment, spec = version.environment, version.spec
    is_curated = environment.origin == Environment.Origin.CURATED
    template = template_named(environment.name) if is_curated else None
    lock = max(version.locks.all(), key=lambda lock: lock.pk, default=None)
    pins = lock_pins(lock.text) if lock else []
    versions = dict(pin.partition(" ")[0].partition("==")[::2] for pin in pins)
    asked = requirements_read(spec.get("requirements", ""))
    main = [f"{a.name} {versions[a.name]}" if a.name in versions else a.text for a in asked]
    return Card(
        name=environment.name,
        description=environment.description,
        is_curated=is_curated,
        main=main,
        pins=pins,
        interpreter=spec.get("interpreter_path", "") if spec["kind"] == USER_MANAGED else "",
        version_id=version.pk,
        environment_id=environment.pk,
        spec=spec,
        installed_bytes=template.installed_mb * 1_000_000 if template else 0,
        needs=template.needs if template else "",
    )


def _asked(version: EnvironmentVersion) -> frozenset[str]:
    return frozenset(line.name for line in requirements_read(version.spec.get("requirements", "")))


@lru_cache(maxsize=64)  # locks never change, and reading one takes milliseconds
def _pinned(text: str) -> frozenset[str]:
    return frozenset(map(pin_name, lock_pins(text)))


def _with_locks(workspace: Workspace) -> list[EnvironmentVersion]:
    versions = latest_versions(workspace=workspace).select_related("environment")
    return list(versions.prefetch_related(Prefetch("locks", Lock.objects.order_by("pk"))))
