"""What makes two built environments the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from environments.interpreter import Interpreter

STEPS = "venv 2"
"""How the runner makes an environment; another way of making is another key."""
CONDA_STEPS = "conda 1"
"""The same where conda makes it; `lock` is then the digest of its environment.yml."""


@dataclass(frozen=True)
class KeyParts:
    """Everything that counts, by name; a part that does not count somewhere is empty there."""

    lock: str = ""
    """The digest of its text."""
    python: str = ""
    """The real path of the interpreter."""
    python_version: str = ""
    """In full, like 3.11.7."""
    platform: str = ""
    image: str = ""
    """The digest of the base image."""
    steps: str = STEPS
    generation: str = ""
    """Counts how often the same was built anew beside what was ready: "", "1", "2" …"""

    def in_generation(self, number: int) -> KeyParts:
        """The same, built anew for so many times."""
        return replace(self, generation=str(number or ""))

    def to_json(self) -> dict[str, str]:
        """What is stored with a build."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> KeyParts:
        """What was stored, also by a version that knew other parts."""
        return cls(**{field.name: stored.get(field.name, "") for field in fields(cls)})


def key_parts(
    lock: str, interpreter: Interpreter, *, image: str = "", steps: str = STEPS
) -> KeyParts:
    """The parts for the packages of a lock, given as its text, under one interpreter."""
    return KeyParts(
        lock=hashlib.sha256(lock.encode()).hexdigest(),
        python=interpreter.path,
        python_version=interpreter.version,
        platform=interpreter.platform,
        image=image,
        steps=steps,
    )


def build_key(parts: KeyParts) -> str:
    """Equal for whatever may share one folder on a target, however it is called: 32 hex digits."""
    text = json.dumps(parts.to_json(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
