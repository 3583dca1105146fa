"""The curated environments that ship with the studio: folders of files, not code.

    curated/<name>/template.toml      description, what a target must have for it, the Python
                                      from which the lock holds, how big it is, and names by
                                      which people know it from elsewhere
                   requirements.txt   what is asked for
                   lock.txt           what that resolves to, on every platform
                   smoke.py           two lines that fail when the environment is of no use

A changed lock is a new version of the environment; `make lock-curated` resolves them anew.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CURATED = Path(__file__).parent / "curated"


@dataclass(frozen=True)
class Template:
    """One curated environment, ready to be registered in a workspace."""

    name: str
    description: str
    requirements: str
    lock: str
    """Universal: it holds on every platform, with markers where they differ."""
    lock_python: str
    """The oldest Python that the lock was resolved for, like 3.11."""
    smoke: Path
    installed_mb: int
    """What it takes on disk on Linux x86-64, as measured when it was locked."""
    needs: str
    """What a target must have beside it, or what to know before; often empty."""
    aliases: tuple[str, ...]
    """What it is called elsewhere: scripts from there find it by that name."""


@cache
def templates() -> tuple[Template, ...]:
    """All curated environments by name."""
    return tuple(_read(folder) for folder in sorted(CURATED.iterdir()) if folder.is_dir())


def alias_target(name: str) -> str | None:
    """The curated environment that `name` means by way of an alias; None when it is no alias."""
    wanted = name.casefold()
    for template in templates():
        if wanted in map(str.casefold, template.aliases):
            return template.name
    return None


def template_named(name: str) -> Template | None:
    """The curated environment of that name; None for any other."""
    return next((template for template in templates() if template.name == name), None)


def installed_mb(name: str) -> int:
    """What the curated environment of that name takes on disk; 0 for any other."""
    template = template_named(name)
    return template.installed_mb if template else 0


def _read(folder: Path) -> Template:
    about = tomllib.loads((folder / "template.toml").read_text())
    return Template(
        name=folder.name,
        description=about["description"],
        requirements=(folder / "requirements.txt").read_text(),
        lock=(folder / "lock.txt").read_text(),
        lock_python=about["lock_python"],
        smoke=folder / "smoke.py",
        installed_mb=about["installed_mb"],
        needs=about.get("needs", ""),
        aliases=tuple(about["aliases"]),
    )
