"""How soon environments can be used on a target, and why not at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from compute.models import ComputeTarget
from environments.buildkey import STEPS, KeyParts
from environments.fit import misfit
from environments.history import packages_told
from environments.interpreter import interpreter_from_facts
from environments.lock import lock_pins
from environments.models import Build, BuiltEnvironment, Lock
from environments.packages import Card
from environments.pythons import python_fits
from environments.spec import CONDA, IMAGE, USER_MANAGED
from studio.lib.spans import span_text

_LOOKED_AT = 500
"""How many of the newest builds are looked at."""
_BASIS = 5


@dataclass(frozen=True)
class Readiness:
    """How soon an environment can be used: ready, building, or a build that is to come."""

    word: str
    sentence: str


def environments_readiness(
    *, target: ComputeTarget, cards: Iterable[Card]
) -> Mapping[str, Readiness]:
    """How soon each can be used on the target, by name, from what is known of the target.

    Only the run itself looks there: what somebody removed by hand a moment ago is not known.
    """
    cards = list(cards)
    past = _Past(target, cards)
    return {card.name: _readiness(card, target, past) for card in cards}


class _Past:
    """What was built of some environments, newest first, looked up once for all of them."""

    def __init__(self, target: ComputeTarget, cards: Collection[Card]) -> None:
        builds = Build.objects.filter(
            version__environment__in=[card.environment_id for card in cards],
            target__workspace=target.workspace_id,
        ).exclude(status__in=[Build.Status.FAILED, Build.Status.CANCELED])
        builds = builds.select_related("version").defer("version__spec", "receipt", "handle")
        self._target = target
        self._of: dict[int, list[Build]] = {}
        for build in builds.order_by("-pk")[:_LOOKED_AT]:
            self._of.setdefault(build.version.environment_id, []).append(build)
        self._built = dict(
            BuiltEnvironment.objects.filter(target=target).values_list("key", "fault")
        )
        lasts = filter(None, map(self._other, cards))
        self._locks = Lock.objects.in_bulk({last.lock_id for last in lasts if last.lock_id})

    def here(self, card: Card) -> list[Build]:
        """Of this very version on the target; what only fetched its base image does not count."""
        is_pulled = card.spec["kind"] == IMAGE
        return [
            build
            for build in self._there(card)
            if build.version_id == card.version_id and (is_pulled or not _is_pull(build))
        ]

    def usual_s(self, card: Card) -> float | None:
        """How long it usually takes: there, or else on other targets."""
        there = self._there(card) or self._of.get(card.environment_id, [])
        took = [b.ended_at - b.started_at for b in there if b.started_at and b.ended_at][:_BASIS]
        return median(span.total_seconds() for span in took) if took else None

    def changed(self, card: Card) -> str:
        """What it has otherwise than the version that was built there last; "" if none was."""
        last = self._other(card)
        if last is None:
            return ""
        before = f"since version {last.version.number}"
        lock = self._locks.get(last.lock_id or 0)
        if lock is None or not card.pins:
            return f"its definition changed {before}"
        return f"{before}, {packages_told(lock_pins(lock.text), card.pins)}"

    def lost(self, build: Build) -> str:
        """Why what a build made cannot be used any more; "" as far as anybody knows."""
        if build.key in self._built:
            return self._built[build.key].rstrip(".")
        stocks = self._target.environments_stock.values()
        measured = max((str(stock.get("measured_at", "")) for stock in stocks), default="")
        if build.ended_at and measured > build.ended_at.isoformat():
            return "it was removed since"
        return ""

    def _there(self, card: Card) -> list[Build]:
        builds = self._of.get(card.environment_id, [])
        return [build for build in builds if build.target_id == self._target.pk]

    def _other(self, card: Card) -> Build | None:
        """The last that was built there, if it was another version."""
        ready = (b for b in self._there(card) if b.status == Build.Status.READY and not _is_pull(b))
        last = next(ready, None)
        return last if last and last.version_id != card.version_id else None


def _readiness(card: Card, target: ComputeTarget, past: _Past) -> Readiness:
    problem = misfit(
        card.spec, called=card.name, target=target.name, kind=target.kind, facts=target.facts
    )
    if problem:
        return Readiness("faulty", problem)
    if card.spec["kind"] == USER_MANAGED:
        return Readiness("ready", "nothing to install")
    here = past.here(card)
    why = past.changed(card)
    if here and here[0].status == Build.Status.READY:
        why = past.lost(here[0]) or _python_changed(card, target, here[0])
        if not why:
            return Readiness("ready", f"ready on {target.name}")
    elif here:
        return Readiness("preparing", f"being built on {target.name}")
    usual_s = past.usual_s(card)
    said = f"built on first use{f', about {span_text(usual_s)}' if usual_s else ''}"
    return Readiness("queued", f"{said}: {why}" if why else said)


def _python_changed(card: Card, target: ComputeTarget, build: Build) -> str:
    """Whether the target's own Python is another one than it was built with."""
    parts = KeyParts.from_json(build.key_parts)
    if target.kind == "docker" or card.spec["kind"] == CONDA or not parts.python:
        return ""  # these bring their own
    if parts.steps != STEPS:
        return "Runyard makes environments in another way now"
    if not target.facts.get("python_version"):
        return ""
    own, wanted = interpreter_from_facts(target.facts), card.spec.get("python", "")
    if wanted and not python_fits(wanted, own.version):
        return ""
    if (own.path, own.version, own.platform) == (
        parts.python,
        parts.python_version,
        parts.platform,
    ):
        return ""
    if own.version != parts.python_version:
        return f"Python {parts.python_version} became {own.version} there"
    return "the Python or the platform there changed"


def _is_pull(build: Build) -> bool:
    return str(build.key_parts.get("steps", "")).startswith("pull")
