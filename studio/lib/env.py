"""Reading settings from the environment: an empty variable counts as unset."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def env_text(name: str, default: str = "") -> str:
    """The variable without surrounding space."""
    return os.environ.get(name, "").strip() or default


def env_number(name: str, default: int, *, least: int, most: int) -> int:
    """The whole number in the variable.

    Raises:
        ImproperlyConfigured: it is no number from `least` to `most`.
    """
    text = env_text(name, str(default))
    if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
        raise ImproperlyConfigured(f"{name}={text!r}: give a whole number from {least} to {most}.")
    return int(text)


def env_paths(name: str) -> list[Path]:
    """The folders in the variable, separated as in PATH, links resolved.

    Raises:
        ImproperlyConfigured: one of them is relative: it would depend on where a process starts.
    """
    paths = [Path(part).expanduser() for part in env_text(name).split(os.pathsep) if part.strip()]
    for path in paths:
        if not path.is_absolute():
            raise ImproperlyConfigured(f"{name} names '{path}': give absolute paths only.")
    return [path.resolve() for path in paths]


def env_networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks in the variable, separated by commas; a single address is one too.

    Raises:
        ImproperlyConfigured: one of them cannot be read.
    """
    try:
        parts = [part.strip() for part in env_text(name).split(",") if part.strip()]
        return [ipaddress.ip_network(part, strict=False) for part in parts]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {error}. Write networks like 10.0.0.0/8, separated by commas."
        ) from error
