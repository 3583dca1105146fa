"""The one line of a failed log that says what went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ANSI = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_TRACEBACK = b"Traceback (most recent call last):"
_ERROR_LINE = re.compile(r"^[A-Za-z_][\w.]*(?::\s.*)?$")
_MISSING = re.compile(r"^ModuleNotFoundError: No module named '([\w.]+)'")


@dataclass(frozen=True)
class Cause:
    """What a log's end tells: the line for lists, and the module that was missing, if any."""

    line: str
    missing_module: str = ""


def find_cause(tail: bytes) -> Cause:
    """The last error in the last part of a log; an empty line when there is none.

    The error line of the last Python traceback, else the last line that is not blank.
    """
    text = _ANSI.sub(b"", tail).decode("utf-8", errors="replace")
    start = text.rfind(_TRACEBACK.decode())
    if start >= 0:
        for line in text[start:].splitlines()[1:]:
            if line and not line[0].isspace() and _ERROR_LINE.match(line):
                return Cause(line[:500], missing_module(line))
    lines = [line.split("\r")[-1].strip() for line in text.splitlines()]
    return Cause(next((line[:500] for line in reversed(lines) if line), ""))


def missing_module(line: str) -> str:
    """The top-level module that an error line found missing; empty when it says another thing."""
    missing = _MISSING.match(line)
    return missing[1].split(".")[0] if missing else ""
