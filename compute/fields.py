"""One setting of a kind of compute target, and checks that several kinds share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

Check = Callable[[str], str]
"""What is wrong with a value, as a sentence; empty when nothing is."""


@dataclass(frozen=True)
class Field:
    """One thing that a kind of target needs to be told."""

    name: str
    label: str
    help: str
    is_required: bool
    check: Check


def is_plain_absolute(text: str) -> bool:
    """Whether it is an absolute path that says where it leads."""
    return text.startswith("/") and "\0" not in text and ".." not in PurePosixPath(text).parts
