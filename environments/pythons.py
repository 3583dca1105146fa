"""Versions of Python: what a definition wants, and what a target has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from environments.quoting import short
from studio.lib.refusal import Refused

_MINOR = re.compile(r"3\.\d{1,3}")
_PATCH = re.compile(r"(?:==)?(3\.\d{1,3})\.\d+(?:\.\d+|\.\*)?")
_ANY_PATCH = re.compile(r"==(3\.\d{1,3})(?:\.\*)?")


@dataclass(frozen=True)
class Found:
    """A Python that lies on a target."""

    path: str
    minor_version: str
    """Like 3.11."""


def python_read(text: str, *, field: str = "python") -> str:
    """What is wanted in one spelling: "3.11" for one minor version, else like ">=3.10,<3.13".

    Which patch of a minor version it is the target decides.

    Raises:
        Refused: it names no version of Python.
    """
    bare = "".join(text.split())
    for pattern in (_MINOR, _ANY_PATCH, _PATCH):
        if found := pattern.fullmatch(bare):
            return found[found.re.groups and 1]
    try:
        wanted = SpecifierSet(bare)
    except InvalidSpecifier as error:
        raise _no_version(text, field) from error
    if not bare or not any(python_fits(bare, f"3.{minor}.99") for minor in range(6, 40)):
        raise _no_version(text, field)
    return str(wanted)


def python_fits(wanted: str, version: str) -> bool:
    """Whether a Python of this full version is one that `python_read` described."""
    if _MINOR.fullmatch(wanted):
        return version.split(".")[:2] == wanted.split(".")
    try:
        return Version(version) in SpecifierSet(wanted, prereleases=True)
    except InvalidVersion:
        return False


def python_may_fit(wanted: str, minor_version: str) -> bool:
    """Whether some patch of this minor version would fit."""
    return any(python_fits(wanted, f"{minor_version}.{patch}") for patch in range(100))


def pythons_found(facts: Mapping[str, Any]) -> list[Found] | None:
    """The Pythons of a target, its own first, then the newest; None when it never told."""
    if "pythons" not in facts:
        return None
    own = Found(str(facts["python"]), minor_of(str(facts["python_version"])))
    others = [Found(str(row["path"]), str(row["version"])) for row in facts["pythons"]]
    others.sort(key=lambda found: _numbers(found.minor_version), reverse=True)
    return [own, *(found for found in others if found.path != own.path)]


def pythons_named(found: Iterable[Found]) -> str:
    """Their versions for people, like "3.10, 3.11 and 3.12"."""
    versions = sorted({python.minor_version for python in found}, key=_numbers)
    return " and ".join(filter(None, [", ".join(versions[:-1]), *versions[-1:]]))


def minor_of(version: str) -> str:
    """What packages are built for: 3.11 of 3.11.7."""
    return ".".join(version.split(".")[:2])


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _no_version(text: str, field: str) -> Refused:
    return Refused(
        f"'{short(text)}' is no version of Python: give one like 3.11, or a range like "
        ">=3.10,<3.13.",
        field=field,
    )
