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
        Refused: the path is not an absolute one.
    """
    bare = path.strip()
    pure = PurePosixPath(bare)
    if not pure.is_absolute() or ".." in pure.parts or not bare.isprintable():
        raise Refused(
            f"The interpreter '{path}' must be an absolute path on the target, like "
            "/opt/venv/bin/python.",
            field="interpreter_path",
        )
    return {"kind": USER_MANAGED, "interpreter_path": str(pure)}


def spec_digest(spec: Mapping[str, Any]) -> str:
    """The same for equal definitions, whatever they are called."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
