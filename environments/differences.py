"""What differs between two versions: in their definitions, and in their locks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, NamedTuple

from environments.lock import lock_pins
from environments.pins import PinChange, pin_changes

EVERYWHERE = "any"
_CONTEXT = 3
_LABELS = {
    "kind": "Kind",
    "python": "Python",
    "requirements": "Packages",
    "conda": "environment.yml",
    "pyproject": "pyproject.toml",
    "interpreter_path": "Interpreter",
    "image": "Image",
    "dockerfile": "Dockerfile",
    "context": "Build context",
    "variables": "Variables",
    "secrets": "Secrets",
    "spark": "Spark",
}
"""The parts of a definition as pages call them, in their order; the digest of a lock is none."""


class Place(NamedTuple):
    """What a lock is for."""

    python_version: str
    platform: str

    def __str__(self) -> str:
        """In words."""
        if self.platform == EVERYWHERE:
            return f"Python {self.python_version} and newer on every platform"
        return f"Python {self.python_version} on {self.platform}"


class Line(NamedTuple):
    """A line of a part of a definition: added (+), removed (-), in both ( ), or a gap (@)."""

    sign: str
    text: str


@dataclass(frozen=True)
class PartChange:
    """A part of the definition that is not the same in both."""

    label: str
    lines: list[Line]


@dataclass(frozen=True)
class LockChange:
    """Two locks beside each other; without changes their packages are the same."""

    old: Place
    new: Place
    changes: list[PinChange]
    is_identical: bool
    """Down to the files that are welcome."""

    @property
    def counts(self) -> dict[str, int]:
        """How many packages are added, removed, changed."""
        kinds = [change.kind for change in self.changes]
        return {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}


def definition_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[PartChange]:
    """The parts of two definitions that differ."""
    names = [*_LABELS, *sorted((old.keys() | new.keys()) - _LABELS.keys() - {"lock"})]
    return [
        PartChange(_LABELS.get(name, name.capitalize()), list(_diff(old.get(name), new.get(name))))
        for name in names
        if old.get(name) != new.get(name)
    ]


def lock_changes(old: Mapping[Place, str], new: Mapping[Place, str]) -> list[LockChange]:
    """The locks of two versions for the same Python and platform, beside each other.

    Where they have none in common, the last of each is compared; none when one has no lock.
    """
    places = [(place, place) for place in old if place in new]
    if not places and old and new:
        places = [([*old][-1], [*new][-1])]
    return [_lock_change(before, after, old[before], new[after]) for before, after in places]


def _lock_change(before: Place, after: Place, old: str, new: str) -> LockChange:
    is_identical = old == new
    changes = [] if is_identical else pin_changes(lock_pins(old), lock_pins(new))
    return LockChange(before, after, changes, is_identical)


def _diff(old: object, new: object) -> Iterator[Line]:
    """The changed lines with three around them."""
    found = unified_diff([*_lines(old)], [*_lines(new)], n=_CONTEXT, lineterm="")
    for number, line in enumerate(found):
        if number < 2:  # names of files, which these are not
            continue
        if line.startswith("@@"):
            if number > 2:
                yield Line("@", "")
            continue
        yield Line(line[0], line[1:])


def _lines(value: object) -> Iterator[str]:
    """A part of a definition as lines."""
    if isinstance(value, Mapping):
        for name, inner in sorted(value.items()):
            if isinstance(inner, list | Mapping):
                yield from (f"{name}: {line}" for line in _lines(inner))
            else:
                yield f"{name}={inner}"
    elif isinstance(value, list):
        yield from map(str, value)
    elif value is not None:
        yield from str(value).splitlines()
