"""Looking into a script without running it: asks `codecheck`, and bounds what that may take."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from runs.notebooks import is_notebook

_PROGRAM = Path(__file__).with_name("codecheck.py")
_MORE_S = 0.4
"""What the process may take longer than it was told, to start and to answer."""


@dataclass(frozen=True)
class Mistake:
    """Where a file cannot be parsed."""

    path: str
    line: int
    column: int
    text: str
    message: str

    @property
    def picture(self) -> str:
        """The line with a caret below the place."""
        if not self.text.strip():
            return ""
        bare = self.text.lstrip()
        at = max(0, self.column - 1 - (len(self.text) - len(bare)))
        return f"{bare}\n{' ' * min(at, len(bare))}^"


@dataclass(frozen=True)
class Look:
    """What was seen of a script and what it imports."""

    mistakes: Sequence[Mistake] = ()
    imports: Sequence[tuple[str, str, int]] = ()
    """(module, path, line) of what is neither Python's own nor in the tree."""
    looked: int = 0
    unfinished: bool = False


def script_of(command: Sequence[str], paths: Mapping[str, int]) -> str:
    """The file of the tree that a command starts with Python or a shell; "" when there is none."""
    words = list(command)
    while words:
        word = words.pop(0)
        if word.removeprefix("./") in paths:
            return word.removeprefix("./")
        if word == "-m" and words:
            place = words[0].replace(".", "/")
            found = (f"{place}.py", f"{place}/__main__.py", f"src/{place}.py")
            return next((path for path in found if path in paths), "")
        if word == "-c":
            return ""
    return ""


def code_look(
    start: str, files: Mapping[str, Path], *, seconds: float, python: Sequence[int] = ()
) -> Look | None:
    """What a script says of itself; None when there was no time, or its reader broke.

    `python` is the (major, minor) version that will run it, as far as that is known.
    """
    if is_shell(start):
        return _shell_look(start, files[start], seconds)
    readable = {path: str(place) for path, place in files.items() if is_python(path)}
    question: dict[str, object] = {
        "start": start,
        "files": readable,
        "seconds": max(0.1, seconds - _MORE_S),
    }
    question["python"] = list(python)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(_PROGRAM)],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
            env={},
        )
        told = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError, OSError):
        return None
    return Look(
        mistakes=[Mistake(**mistake) for mistake in told["syntax"]],
        imports=[(name, path, line) for name, path, line in told["imports"]],
        looked=told["looked"],
        unfinished=told["unfinished"],
    )


def is_python(path: str) -> bool:
    """Whether a file is read as Python."""
    return PurePosixPath(path).suffix.lower() in {".py", ".pyw"} or is_notebook(path)


def is_shell(path: str) -> bool:
    """Whether a file is read by a shell."""
    return PurePosixPath(path).suffix.lower() in {".sh", ".bash"}


def _shell_look(path: str, place: Path, seconds: float) -> Look | None:
    try:
        done = subprocess.run(
            ["bash", "-n", str(place)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )
    except (subprocess.SubprocessError, OSError):
        return None
    if done.returncode == 0:
        return Look(looked=1)
    said = done.stderr.decode(errors="replace").splitlines()[:1] or ["line 0: it cannot be read"]
    _, _, after = said[0].partition(": line ")
    line, _, message = after.partition(": ")
    number = int(line) if line.isdecimal() else 0
    return Look([Mistake(path, number, 0, "", message or said[0])], looked=1)
