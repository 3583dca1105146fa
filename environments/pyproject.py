"""Requirements from a pyproject.toml: the project's dependencies and chosen groups of it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from environments.pythons import python_read
from environments.quoting import short
from environments.requirements import MAX_CHARACTERS, RequirementLine, requirement_read
from studio.lib.refusal import Refused

_FIELD, _GROUPS = "pyproject", "groups"


@dataclass(frozen=True)
class PyProject:
    """What an environment for the project needs."""

    requirements: str
    """One package a line, as a requirements.txt."""
    python: str
    """As `python_read` spells it; empty: any."""


def pyproject_read(text: str, groups: Sequence[str] = ()) -> PyProject:
    """The dependencies of the project, with those of its chosen optional and dependency groups.

    The project itself is not installed, for a run has its files. What cannot be known without
    executing the project's build (dynamic dependencies), or comes from elsewhere than an index
    (`tool.uv.sources`), is refused.

    Raises:
        Refused: says what cannot be read, and which groups there are.
    """
    table = _Project(_parse(text))
    lines = list(table.dependencies())
    for group in dict.fromkeys(canonicalize_name(name) for name in groups if name.strip()):
        lines += table.group(group)
    table.check_sources(lines)
    unique = dict.fromkeys(line.text for line in lines)
    return PyProject("".join(f"{line}\n" for line in unique), table.python())


def pyproject_groups(text: str) -> list[str]:
    """The groups that may be chosen."""
    return _Project(_parse(text)).groups()


class _Project:
    """The parts of the file that matter here."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables
        project = tables.get("project")
        if not isinstance(project, dict):
            has_poetry = "poetry" in _table(tables, "tool")
            raise _refused(
                "It has no [project] table"
                + (": Poetry's own is not read, so write the dependencies there." * has_poetry)
                + (": write the project's dependencies there." * (not has_poetry))
            )
        self._project: dict[str, Any] = project
        dynamic = project.get("dynamic", [])
        self._dynamic = dynamic if isinstance(dynamic, list) else []
        self._extras = _by_name(_table(project, "optional-dependencies"))
        self._groups = _by_name(_table(tables, "dependency-groups"))

    def dependencies(self) -> Iterator[RequirementLine]:
        """Of the project itself."""
        if "dependencies" in self._dynamic:
            raise _refused(
                "Its dependencies are dynamic, so they are known only to its build: list them "
                "under [project], or give a requirements.txt instead."
            )
        yield from self._lines(self._project.get("dependencies", []), "The dependency")

    def group(self, name: str) -> list[RequirementLine]:
        """Of an optional group, a dependency group, or both if they share the name."""
        if name not in self._extras and name not in self._groups:
            if "optional-dependencies" in self._dynamic:
                raise _refused(
                    f"Its optional dependencies are dynamic, so '{short(name)}' is known only to "
                    "its build: list them under [project.optional-dependencies].",
                    field=_GROUPS,
                )
            there = short(", ".join(self.groups()), 300) or "none"
            raise _refused(f"It has no group '{short(name)}': there is {there}.", field=_GROUPS)
        lines = self._extra(name, ()) if name in self._extras else []
        return lines + (self._dependency_group(name, ()) if name in self._groups else [])

    def groups(self) -> list[str]:
        """The names of both kinds."""
        return sorted({*self._extras, *self._groups})

    def python(self) -> str:
        """What requires-python says, in our spelling."""
        wanted = self._project.get("requires-python", "")
        if not isinstance(wanted, str):
            raise _refused('Its requires-python is no text: write it like ">=3.10".')
        return python_read(wanted, field=_FIELD) if wanted.strip() else ""

    def check_sources(self, lines: Sequence[RequirementLine]) -> None:
        """Refuse packages that uv would take from a path, git or another index."""
        sources = _by_name(_table(_table(_table(self._tables, "tool"), "uv"), "sources"))
        elsewhere = sorted({line.name for line in lines} & set(sources))
        if elsewhere:
            raise _refused(
                f"[tool.uv.sources] takes {short(', '.join(elsewhere), 300)} from elsewhere than "
                "an index, which targets cannot: name a published version instead."
            )

    def _extra(self, name: str, above: tuple[str, ...]) -> list[RequirementLine]:
        """With the groups of the project itself that it names, like "project[plot]"."""
        own = canonicalize_name(str(self._project.get("name", "")))
        found: list[RequirementLine] = []
        for line in self._lines(self._extras[name], f"In the group {short(name)}, the dependency"):
            if line.name != own:
                found.append(line)
                continue
            for extra in sorted(map(canonicalize_name, Requirement(line.text).extras)):
                if extra in self._extras and extra not in above:
                    found += self._extra(extra, (*above, name))
        return found

    def _dependency_group(self, name: str, above: tuple[str, ...]) -> list[RequirementLine]:
        if name in above:
            raise _refused(
                f"The group '{short(name)}' includes itself: take that out.", field=_GROUPS
            )
        entries = self._groups[name]
        if not isinstance(entries, list):
            raise _refused(f"The group {short(name)} is no list: write one requirement an entry.")
        found: list[RequirementLine] = []
        for entry in entries:
            if not isinstance(entry, dict):
                found += self._lines([entry], f"In the group {short(name)}, the dependency")
                continue
            included = canonicalize_name(str(entry.get("include-group", "")))
            if included not in self._groups:
                raise _refused(
                    f"The group {short(name)} includes '{short(included)}', which there is not: "
                    f"name one of {short(', '.join(sorted(self._groups)), 300)}."
                )
            found += self._dependency_group(included, (*above, name))
        return found

    def _lines(self, entries: object, where: str) -> Iterator[RequirementLine]:
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise _refused(f"{where}: not a list of texts: write one requirement an entry.")
        for entry in entries:
            yield requirement_read(entry, where=where, field=_FIELD)


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"It is {len(text):,} characters long: {MAX_CHARACTERS:,} at most.")
    try:
        return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise _refused(
            f"It is not TOML: {short(str(error), 200) or 'nested too deeply'}."
        ) from error


def _table(tables: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = tables.get(name, {})
    return found if isinstance(found, dict) else {}


def _by_name(table: Mapping[str, Any]) -> dict[str, Any]:
    return {canonicalize_name(name): value for name, value in table.items()}


def _refused(sentence: str, *, field: str = _FIELD) -> Refused:
    return Refused(f"The pyproject.toml cannot be used. {sentence}", field=field)
