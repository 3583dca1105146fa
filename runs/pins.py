"""What differs between two lists of locked packages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?P<version>.*)")


@dataclass(frozen=True)
class PinChange:
    """A package in both lists; an empty version: it is not there."""

    name: str
    old: str
    new: str

    @property
    def kind(self) -> str:
        """added, removed or changed."""
        return "added" if not self.old else "removed" if not self.new else "changed"


def pin_changes(old: Iterable[str], new: Iterable[str]) -> list[PinChange]:
    """The packages that are not the same in both, by name."""
    before, after = dict(map(_named, old)), dict(map(_named, new))
    names = sorted(before.keys() | after.keys())
    pairs = [PinChange(name, before.get(name, ""), after.get(name, "")) for name in names]
    return [pair for pair in pairs if pair.old != pair.new]


def _named(pin: str) -> tuple[str, str]:
    found = _PIN.match(pin)
    if found is None:
        return pin, pin
    return found["name"].lower(), found["version"].strip().removeprefix("==").strip() or "any"
