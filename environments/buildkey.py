"""What makes two built environments the same."""

from __future__ import annotations

import hashlib
import json

from environments.interpreter import Interpreter

STEPS = "venv 1"
"""How the runner makes an environment; another way of making is another key."""


def build_key(lock: str, interpreter: Interpreter) -> str:
    """Equal for whatever may share one folder on a target, however it is called: 32 hex digits."""
    parts = [lock, interpreter.path, interpreter.version, interpreter.platform, STEPS]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
