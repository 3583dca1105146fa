"""Conda's environment.yml, translated to packages of a Python index through a table."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from environments.pythons import python_read
from environments.quoting import short
from environments.requirements import MAX_CHARACTERS, requirement_read, requirements_normalise
from studio.lib.refusal import Refused

_FIELD = "conda"
_SPEC = re.compile(
    r"(?:(?P<channel>[\w./-]+)::)?(?P<name>[\w.-]+?)\s*"
    r"(?P<version>(?:[=<>!~ ].*)?)",
    re.ASCII,
)
_BRACKETS = re.compile(r"(?P<before>[^\[\]]*)\[(?P<inside>[^\[\]]*)\]")
_KEY = re.compile(r"(?P<name>\w+)\s*=\s*(?P<quote>['\"]?)(?P<value>.*?)(?P=quote)\s*(?:,|$)")
_PIECE = re.compile(r"(?P<operator>==|>=|<=|!=|~=|=|>|<|)\s*(?P<version>[\w.+!*-]+)", re.ASCII)
_PATCH = re.compile(r"==3\.\d+\.\d+(\.\*)?")


@dataclass(frozen=True)
class CondaFile:
    """An environment.yml as far as it is understood."""

    text: str
    """As it was written, with plain line ends."""
    requirements: str
    """What of it a Python index has, as a requirements.txt."""
    python: str
    """As `python_read` spells it; empty: any."""
    variables: dict[str, str]
    refused: dict[str, str]
    """What the table does not have, with what to do instead."""
    names: frozenset[str]
    """All packages by the canonical names of a Python index, or else their own."""
    notes: tuple[str, ...]
    """What is ignored of it, as sentences."""


@dataclass(frozen=True)
class _Wanted:
    """One conda dependency."""

    text: str
    name: str
    version: str
    build: str


@dataclass(frozen=True)
class _Table:
    same: frozenset[str]
    dropped: frozenset[str]
    renamed: Mapping[str, str]
    instead: Mapping[str, str]

    def on_index(self, name: str) -> str | None:
        """What a Python index calls it, if the table says so."""
        key = canonicalize_name(name)
        return self.renamed.get(key) or (key if key in self.same else None)

    def advice(self, name: str) -> str:
        """What to do about a package that the table does not have."""
        if name in self.instead:
            return self.instead[name]
        near = difflib.get_close_matches(name, sorted({*self.same, *self.renamed}), n=1, cutoff=0.8)
        meant = f"did you mean {near[0]}? " if near else ""
        return f"{meant}if an index for pip has it, put it under pip"


def conda_read(text: str) -> CondaFile:
    """What an environment.yml asks for; packages that the table lacks are told, not refused.

    Versions are translated (`=1.2` to `==1.2.*`), what stands under `pip:` is taken over, and
    `python=3.11` becomes the wanted Python. Channels and builds mean nothing to an index.

    Raises:
        Refused: it cannot be read at all, or something under `pip:` cannot be used.
    """
    tree = _parse(text)
    conda, pip = _dependencies(tree.get("dependencies"))
    table, python, notes = _table(), "", list[str]()
    lines, refused, names = list[str](), dict[str, str](), set[str]()
    for wanted in map(_wanted, conda):
        versions = _versions(wanted.version)
        if wanted.name == "python":
            python, note = _python(wanted, versions)
            notes += note
            continue
        if wanted.name in table.dropped:
            continue
        called = table.on_index(wanted.name)
        names.add(canonicalize_name((called or wanted.name).partition("[")[0]))
        if called is None:
            refused[short(wanted.name)] = table.advice(wanted.name)
        elif versions is None:
            refused[short(wanted.text)] = (
                "an index does not know this version, so write another one"
            )
        else:
            lines.append(f"{called}{versions}")
            notes += _build_note(wanted)
    pip_text = _pip(pip)
    return CondaFile(
        text="\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n",
        requirements=requirements_normalise("\n".join([*lines, pip_text])),
        python=python,
        variables=_variables(tree.get("variables")),
        refused=refused,
        names=frozenset(names | {_pip_line(line) for line in pip}),
        notes=(*_channel_note(tree.get("channels")), *notes),
    )


def conda_refusal(found: CondaFile) -> Refused:
    """All packages that cannot be translated in one sentence."""
    named = "; ".join(f"{name} ({advice})" for name, advice in found.refused.items())
    count = len(found.refused)
    return Refused(
        f"{count} conda package{'s' * (count > 1)} cannot be had from a Python index: {named}. "
        "Or register a target that has micromamba or conda, which then builds it.",
        field=_FIELD,
    )


@cache
def _table() -> _Table:
    found = tomllib.loads(Path(__file__).with_name("conda.toml").read_text(encoding="utf-8"))
    return _Table(
        same=frozenset(map(canonicalize_name, found["same"])),
        dropped=frozenset(found["dropped"]),
        renamed={canonicalize_name(name): called for name, called in found["renamed"].items()},
        instead=found["instead"],
    )


def _parse(text: str) -> dict[str, Any]:
    """The file as text alone, so that a version 1.10 stays one."""
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"It is {len(text):,} characters long: {MAX_CHARACTERS:,} at most.")
    try:
        tree = yaml.load(text.removeprefix("\ufeff"), Loader=yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise _refused(f"It is not YAML: {_where(error)}.") from error
    except (RecursionError, ValueError, TypeError) as error:
        raise _refused("It is not YAML that can be read: it is nested too deeply.") from error
    if not isinstance(tree, dict):
        raise _refused("It is no environment.yml: begin with dependencies: and a list below it.")
    return tree


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = short(str(getattr(error, "problem", None) or error), 160)
    return f"line {mark.line + 1}: {problem}" if mark else problem


def _dependencies(found: object) -> tuple[list[str], list[str]]:
    """(what conda would install, what pip would)."""
    if not isinstance(found, list):
        raise _refused("It has no list of dependencies: write dependencies: and a list below it.")
    conda: list[str] = []
    pip: list[str] = []
    for entry in found:
        if isinstance(entry, str):
            conda.append(entry)
        elif isinstance(entry, dict) and list(entry) == ["pip"]:
            pip += _texts(entry["pip"], "pip")
        else:
            raise _refused(
                f"Its dependency {len(conda) + 1} is a {type(entry).__name__}: write a package, or "
                "pip: with a list below it."
            )
    return conda, pip


def _texts(found: object, what: str) -> list[str]:
    if found in ("", None):
        return []
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise _refused(f"What stands under {what}: is no list of texts: write one entry a line.")
    return found


def _wanted(text: str) -> _Wanted:
    """A dependency taken apart, as conda's own match specifications are written."""
    bare, build, version = " ".join(text.split()), "", ""
    if found := _BRACKETS.fullmatch(bare):
        bare = found["before"].strip()
        keys = {key["name"]: key["value"] for key in _KEY.finditer(found["inside"])}
        version, build = keys.get("version", ""), keys.get("build", "")
    spec = _SPEC.fullmatch(bare)
    if spec is None:
        raise _refused(f"The dependency '{short(text)}' is not one: write it like numpy=2.1.")
    if spec["version"].strip():
        version, build = _version_and_build(spec["version"])
    return _Wanted(bare, spec["name"].lower(), version.strip(), build)


def _version_and_build(text: str) -> tuple[str, str]:
    """Of "=1.2=py311_0", "==1.2 py311_0" or "1.2 py311_0"."""
    bare = text.strip()
    if found := re.fullmatch(r"(=?=?\s*[^=\s<>!~,|]+)(?:=|\s+)([^=\s<>!~,|]+)", bare):
        return found[1], "" if found[2] == "*" else found[2]
    return bare, ""


def _versions(text: str) -> str | None:
    """Conda's version in the words of an index: "==1.2.*" for "=1.2"; None when there are none."""
    pieces = [piece.strip() for piece in text.split(",") if piece.strip()]
    translated = [_piece(piece) for piece in pieces]
    if any(piece is None for piece in translated):
        return None
    wanted = ",".join(filter(None, translated))
    try:
        SpecifierSet(wanted)
    except InvalidSpecifier:
        return None
    return wanted


def _piece(text: str) -> str | None:
    found = _PIECE.fullmatch(text)
    if found is None:
        return "" if text in {"*", "=*", "==*"} else None
    operator, version = found["operator"], found["version"]
    bare = version.rstrip("*").rstrip(".")
    if not bare:
        return ""
    is_fuzzy = version.endswith("*")
    if operator == "=" or (is_fuzzy and operator in {"", "==", "!="}):
        return f"{'!=' if operator == '!=' else '=='}{bare}.*"
    return f"{operator or '=='}{bare}"


def _python(wanted: _Wanted, versions: str | None) -> tuple[str, list[str]]:
    if not versions:
        if versions is None:
            raise _refused(
                f"'{short(wanted.text)}' is no version of Python: write it like python=3.11."
            )
        return "", []
    try:
        read = python_read(versions)
    except Refused as error:
        raise _refused(
            f"'{short(wanted.text)}' is no Python that can be used: write one like python=3.11."
        ) from error
    note = (
        f"Of {short(wanted.text)} the minor version counts: which patch it is the target decides."
    )
    return read, [note] if _PATCH.fullmatch(versions) else []


def _build_note(wanted: _Wanted) -> list[str]:
    if not wanted.build:
        return []
    return [f"The build {wanted.build} of {wanted.name} means nothing to an index: it is ignored."]


def _channel_note(channels: object) -> list[str]:
    named = (
        [name for name in channels if isinstance(name, str)] if isinstance(channels, list) else []
    )
    if not named:
        return []
    shown = ", ".join(short(name, 60) for name in named[:5])
    return [f"Channels are ignored ({shown}): packages come from the workspace's Python index."]


def _pip(lines: Iterable[str]) -> str:
    return "\n".join(
        requirement_read(line, where="Under pip, the dependency", field=_FIELD).text
        for line in lines
    )


def _pip_line(line: str) -> str:
    return requirement_read(line, where="Under pip, the dependency", field=_FIELD).name


def _variables(found: object) -> dict[str, str]:
    if found in ("", None):
        return {}
    if not isinstance(found, dict) or not all(
        isinstance(text, str) for pair in found.items() for text in pair
    ):
        raise _refused("What stands under variables: is not NAME: value, each on a line.")
    return dict(found)


def _refused(sentence: str) -> Refused:
    return Refused(f"The environment.yml cannot be used. {sentence}", field=_FIELD)
