"""The one line of a failed log that says what went wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ANSI = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_TRACEBACK = b"Traceback (most recent call last):"
_ERROR_LINE = re.compile(r"^[A-Za-z_][\w.]*(?::\s.*)?$")
_MISSING = re.compile(r"^(?:ModuleNotFoundError|/\S+): No module named '?([\w.]+)'?")
"""As Python says it for an import, and for `python -m`."""
_NO_KERNEL = "jupyter_client.kernelspec.NoSuchKernel"
_IN_A_CELL = "papermill.exceptions.PapermillExecutionError"
_CELL_HEADER = re.compile(r"^([A-Za-z_]\w*) +Traceback \(most recent call last\)$")


@dataclass(frozen=True)
class Cause:
    """What a log's end tells: the line for lists, and the module that was missing, if any."""

    line: str
    missing_module: str = ""


def find_cause(tail: bytes) -> Cause:
    """The last error in the last part of a log; an empty line when there is none.

    The error line of the last Python traceback (of the cell, when a notebook failed), else
    the last line that is not blank.
    """
    text = _ANSI.sub(b"", tail).decode("utf-8", errors="replace")
    start = text.rfind(_TRACEBACK.decode())
    if start >= 0:
        lines = text[start:].splitlines()[1:]
        for number, line in enumerate(lines):
            if line and not line[0].isspace() and _ERROR_LINE.match(line):
                in_cell = _cell_error(lines[number + 1 :]) if line.startswith(_IN_A_CELL) else ""
                said = in_cell or line
                return Cause(said[:500], missing_module(said))
    lines = [line.split("\r")[-1].strip() for line in text.splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    return Cause(last[:500], missing_module(last))


def _cell_error(lines: Sequence[str]) -> str:
    """The error line under the last header of IPython; without one, the last that looks so."""
    headers = [(n, found[1]) for n, line in enumerate(lines) if (found := _CELL_HEADER.match(line))]
    start, name = headers[-1] if headers else (0, "")
    errors = [
        line
        for line in lines[start + 1 :]
        if _ERROR_LINE.match(line) and line.partition(":")[0].endswith(name)
    ]
    return next(iter(errors if name else reversed(errors)), "")


def missing_module(line: str) -> str:
    """The top-level module that an error line found missing; empty when it says another thing."""
    if line.startswith(_NO_KERNEL):
        return "ipykernel"
    missing = _MISSING.match(line)
    return missing[1].split(".")[0] if missing else ""
