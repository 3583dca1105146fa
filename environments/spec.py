"""What an environment version is made from: its immutable definition and its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from environments.requirements import requirements_normalise
from studio.lib.refusal import Refused

REQUIREMENTS = "requirements"
USER_MANAGED = "user-managed"
CONDA = "conda"
IMAGE = "image"
DOCKERFILE = "dockerfile"
OWN_PYTHON = "python"
"""As the path of an interpreter: the Python that the target's own runner uses."""

Spec = dict[str, Any]


def requirements_spec(text: str) -> Spec:
    """A definition by packages, resolved once for each kind of target.

    Raises:
        Refused: a line cannot be used.
    """
    return {"kind": REQUIREMENTS, "requirements": requirements_normalise(text)}


def template_spec(text: str, lock: str) -> Spec:
    """A curated definition: other locked versions are another definition."""
    return {**requirements_spec(text), "lock": hashlib.sha256(lock.encode()).hexdigest()}


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
            f"The interpreter '{path}' must be an absolute path on the target, like "
            f"/opt/venv/bin/python, or {OWN_PYTHON} for the one that the target itself uses.",
            field="interpreter_path",
        )
    return {"kind": USER_MANAGED, "interpreter_path": str(pure)}


def spec_digest(spec: Mapping[str, Any]) -> str:
    """The same for equal definitions, whatever they are called."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
