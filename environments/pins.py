"""What differs between two lists of locked packages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?P<version>[^;]*)(?P<marker>;.*)?")


@dataclass(frozen=True)
class Pin:
    """One locked package."""

    name: str
    version: str
    """Exact, or the address that it comes from; "any" without one."""
    marker: str = ""
    """Where it is installed, like "sys_platform == 'linux'"; empty: everywhere."""


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


def pin_read(text: str) -> Pin:
    """The parts of a pin like "numpy==2.4.6 ; python_version >= '3.11'"."""
    found = _PIN.fullmatch(text.strip())
    if found is None:
        return Pin(text, text)
    version = found["version"].strip().removeprefix("==").removeprefix("@").strip()
    return Pin(found["name"].lower(), version or "any", (found["marker"] or "").strip("; "))


def pin_changes(old: Iterable[str], new: Iterable[str]) -> list[PinChange]:
    """The packages that are not the same in both, by name.

    Where a package is installed counts only if both lists say that of any: a lock for every
    platform and one for a single platform differ by their versions alone.
    """
    before, after = [list(map(pin_read, pins)) for pins in (old, new)]
    with_markers = all(any(pin.marker for pin in pins) for pins in (before, after))
    known = [_versions(pins, with_markers=with_markers) for pins in (before, after)]
    names = sorted(known[0].keys() | known[1].keys())
    pairs = [PinChange(name, known[0].get(name, ""), known[1].get(name, "")) for name in names]
    return [pair for pair in pairs if pair.old != pair.new]


def _versions(pins: Iterable[Pin], *, with_markers: bool) -> dict[str, str]:
    """Each package's version; one that has several for different places has all of them."""
    found: dict[str, list[str]] = {}
    for pin in pins:
        marker = f" ; {pin.marker}" if with_markers and pin.marker else ""
        found.setdefault(pin.name, []).append(pin.version + marker)
    return {name: ", ".join(dict.fromkeys(versions)) for name, versions in found.items()}
