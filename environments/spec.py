"""What an environment version is made from: its immutable definition and its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import Any, TypedDict

from environments.conda import conda_read, conda_refusal
from environments.dockerfiles import dockerfile_read, image_read
from environments.pyproject import pyproject_read
from environments.pythons import python_fits, python_may_fit, python_read
from environments.quoting import short
from environments.requirements import requirements_normalise
from environments.spark import spark_read, spark_variables
from environments.variables import secrets_check, variables_check
from studio.lib.refusal import Refused

REQUIREMENTS = "requirements"
USER_MANAGED = "user-managed"
CONDA = "conda"
IMAGE = "image"
DOCKERFILE = "dockerfile"
OWN_PYTHON = "python"
"""As the path of an interpreter: the Python that the target's own runner uses."""

INSTALLED = frozenset({REQUIREMENTS, CONDA})
"""Kinds whose packages the studio installs; the others bring a Python of their own."""
IN_DOCKER = frozenset({IMAGE, DOCKERFILE})
"""Kinds that exist on Docker targets alone."""

Spec = dict[str, Any]


class Definition(TypedDict, total=False):
    """What somebody says an environment is, the same at every door; empty is not said.

    Exactly one of requirements, pyproject, conda, interpreter_path and dockerfile, or an image
    alone; an image beside packages is what they are installed into on Docker targets.
    """

    requirements: str | None
    """Packages, as a requirements.txt has them."""
    pyproject: str | None
    """The text of a pyproject.toml; the project's dependencies count."""
    groups: Sequence[str]
    """Optional and dependency groups of the pyproject.toml that count too."""
    conda: str | None
    """The text of an environment.yml."""
    interpreter_path: str | None
    """A Python on the target that somebody else looks after."""
    image: str | None
    """A reference to an image of Docker."""
    dockerfile: str | None
    """The text of a Dockerfile."""
    context: str
    """The digest of the snapshot that is the Dockerfile's build context."""
    python: str
    """The wanted version, like 3.11."""
    variables: Mapping[str, str]
    secrets: Sequence[str]
    """Names of secrets of the workspace."""
    spark_packages: Sequence[str]
    spark_repositories: Sequence[str]


_KINDS = ("requirements", "pyproject", "conda", "interpreter_path", "dockerfile")


def spec_make(definition: Definition, *, has_conda: Callable[[], bool] = lambda: False) -> Spec:
    """The immutable form of a definition; equal meanings are equal.

    `has_conda` tells whether some target can build what only conda can install.

    Raises:
        Refused: it cannot be used; the field names the part of the definition.
    """
    said = [name for name in _KINDS if definition.get(name) is not None]
    if len(said) > 1:
        raise Refused(
            f"Give one of {' and '.join(said)}, not both: an environment is made from one thing.",
            field=said[0],
        )
    if said:
        spec = _MAKERS[said[0]](definition, has_conda)
    elif definition.get("image"):
        spec = {"kind": IMAGE, "image": image_read(definition["image"] or "")}
    else:
        raise Refused(
            "An environment is made from requirements, a pyproject.toml, an environment.yml, an "
            "interpreter, an image or a Dockerfile: none was given.",
            field="requirements",
        )
    _check_company(definition, spec)
    return (
        spec | _base_image(definition, spec) | _python(definition, spec) | _given(definition, spec)
    )


def definition_of(spec: Mapping[str, Any], *, instead: Definition | None = None) -> Definition:
    """What a person would say to get this again; `instead` has parts that are said otherwise.

    Another thing that it is made from takes the place of the one here, with all that hangs on it.
    """
    instead = instead or {}
    if spec["kind"] == REQUIREMENTS:
        source = next((name for name in ("pyproject", "conda") if spec.get(name)), REQUIREMENTS)
    else:
        source = {USER_MANAGED: "interpreter_path"}.get(spec["kind"], spec["kind"])
    spark = spec.get("spark", {})
    known: dict[str, Any] = {
        **{name: spec.get(name) for name in (source, "image")},
        **{name: spec.get(name, "") for name in ("context", "python")},
        **{name: spec.get(name, []) for name in ("groups", "secrets")},
        "variables": spec.get("variables", {}),
        "spark_packages": spark.get("packages", []),
        "spark_repositories": spark.get("repositories", []),
    }
    if is_other := any(instead.get(name) is not None for name in _KINDS):
        known |= {source: None, "context": "", "groups": [], "python": ""}
    if is_other and spec["kind"] == IMAGE:
        known["image"] = None
    return Definition(**{**known, **instead})  # type: ignore[typeddict-item]


def requirements_spec(text: str) -> Spec:
    """A definition by packages, resolved once for each kind of target.

    Raises:
        Refused: a line cannot be used.
    """
    return {"kind": REQUIREMENTS, "requirements": requirements_normalise(text)}


def template_spec(text: str, lock: str) -> Spec:
    """A curated definition: other locked versions are another definition."""
    requirements, digest = _template_read(text, lock)
    return {"kind": REQUIREMENTS, "requirements": requirements, "lock": digest}


@cache  # of files that ship with the studio: they are the same for every workspace
def _template_read(text: str, lock: str) -> tuple[str, str]:
    return requirements_normalise(text), hashlib.sha256(lock.encode()).hexdigest()


def interpreter_spec(path: str) -> Spec:
    """A definition by a Python that somebody else looks after; nothing is installed.

    Raises:
        Refused: the path is neither an absolute one nor `OWN_PYTHON`.
    """
    bare = path.strip()
    if bare == OWN_PYTHON:
        return {"kind": USER_MANAGED, "interpreter_path": OWN_PYTHON}
    pure = PurePosixPath(bare)
    if not pure.is_absolute() or ".." in pure.parts or not bare.isprintable():
        raise Refused(
            f"The interpreter '{short(path)}' must be an absolute path on the target, like "
            f"/opt/venv/bin/python, or {OWN_PYTHON} for the one that the target itself uses.",
            field="interpreter_path",
        )
    return {"kind": USER_MANAGED, "interpreter_path": str(pure)}


def spec_digest(spec: Mapping[str, Any]) -> str:
    """The same for equal definitions, whatever they are called."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def spec_variables(spec: Mapping[str, Any]) -> dict[str, str]:
    """What every command in the environment finds in its own; secrets are not among them."""
    return {**spark_variables(spec.get("spark", {})), **spec.get("variables", {})}


def spec_notes(spec: Mapping[str, Any]) -> list[str]:
    """What a person should know of a definition that was accepted: what of it is not used."""
    notes: list[str] = []
    if spec.get("conda") and spec["kind"] == REQUIREMENTS:
        notes += conda_read(spec["conda"]).notes
    if spec["kind"] == CONDA:
        notes.append("Only conda can install it: it needs micromamba or conda on its target.")
    if spec["kind"] in INSTALLED and spec.get("image"):
        notes.append(f"On targets without Docker the base image {spec['image']} is not used.")
    return notes


def _from_requirements(definition: Definition, _: Callable[[], bool]) -> Spec:
    return requirements_spec(definition["requirements"] or "")


def _from_pyproject(definition: Definition, _: Callable[[], bool]) -> Spec:
    text = definition["pyproject"] or ""
    groups = [name.strip() for name in definition.get("groups", ()) if name.strip()]
    found = pyproject_read(text, groups)
    spec = {**requirements_spec(found.requirements), "pyproject": _plain(text)}
    return spec | _filled(groups=sorted(set(groups)), python=found.python)


def _from_conda(definition: Definition, has_conda: Callable[[], bool]) -> Spec:
    found = conda_read(definition["conda"] or "")
    if found.refused:
        if not has_conda():
            raise conda_refusal(found)
        return {"kind": CONDA, "conda": found.text}
    spec = {"kind": REQUIREMENTS, "requirements": found.requirements, "conda": found.text}
    return spec | _filled(python=found.python)


def _from_interpreter(definition: Definition, _: Callable[[], bool]) -> Spec:
    return interpreter_spec(definition["interpreter_path"] or "")


def _from_dockerfile(definition: Definition, _: Callable[[], bool]) -> Spec:
    context = definition.get("context", "").strip()
    text = dockerfile_read(definition["dockerfile"] or "", has_context=bool(context))
    return {"kind": DOCKERFILE, "dockerfile": text} | _filled(context=context)


_MAKERS: Mapping[str, Callable[[Definition, Callable[[], bool]], Spec]] = {
    "requirements": _from_requirements,
    "pyproject": _from_pyproject,
    "conda": _from_conda,
    "interpreter_path": _from_interpreter,
    "dockerfile": _from_dockerfile,
}


def _check_company(definition: Definition, spec: Spec) -> None:
    """Refuse parts of a definition that its kind has no use for."""
    if definition.get("groups") and "pyproject" not in spec:
        raise Refused("Groups belong to a pyproject.toml: leave them out.", field="groups")
    if definition.get("context") and spec["kind"] != DOCKERFILE:
        raise Refused("A build context belongs to a Dockerfile: leave it out.", field="context")
    if definition.get("image") and spec["kind"] in {USER_MANAGED, DOCKERFILE}:
        own = (
            "A Dockerfile names its own image"
            if spec["kind"] == DOCKERFILE
            else ("An interpreter lies on the target already")
        )
        raise Refused(f"{own}: leave the base image out.", field="image")


def _base_image(definition: Definition, spec: Spec) -> Spec:
    image = (definition.get("image") or "").strip()
    return {"image": image_read(image)} if image and spec["kind"] in INSTALLED else {}


def _python(definition: Definition, spec: Spec) -> Spec:
    """The version that was chosen, held against what the definition itself demands."""
    if not definition.get("python", "").strip():
        return {}
    chosen, demanded = python_read(definition["python"]), spec.get("python", "")
    if spec["kind"] != REQUIREMENTS:
        raise Refused(
            f"The version of Python is decided by {_DECIDERS[spec['kind']]}: leave it out here.",
            field="python",
        )
    if demanded and not _may_agree(chosen, demanded):
        raise Refused(f"Python {chosen} was chosen, and the file wants {demanded}.", field="python")
    return {"python": chosen}


_DECIDERS = {
    USER_MANAGED: "the interpreter",
    CONDA: "the environment.yml (python=3.11)",
    IMAGE: "the image",
    DOCKERFILE: "the Dockerfile",
}


def _may_agree(chosen: str, demanded: str) -> bool:
    minors = [f"3.{number}" for number in range(6, 40)]
    return any(
        python_may_fit(chosen, minor)
        and any(
            python_fits(demanded, f"{minor}.{patch}") and python_fits(chosen, f"{minor}.{patch}")
            for patch in range(100)
        )
        for minor in minors
    )


def _given(definition: Definition, spec: Spec) -> Spec:
    """What runs are given: variables, secrets, Spark packages."""
    from_file = conda_read(spec["conda"]).variables if spec.get("conda") else {}
    variables = variables_check({**from_file, **definition.get("variables", {})})
    return _filled(
        variables=variables,
        secrets=secrets_check(definition.get("secrets", ()), variables),
        spark=spark_read(
            definition.get("spark_packages", ()), definition.get("spark_repositories", ())
        ),
    )


def _filled(**parts: Any) -> Spec:
    return {name: value for name, value in parts.items() if value}


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
