"""What differs between two texts, as hunks of numbered lines; and patches of git read as such."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

_CONTEXT = 3
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_GIT = re.compile(r'diff --git (?:a/(?P<plain>.+) b/|"a/(?P<quoted>.+?)(?<!\\)" )')
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_ESCAPED = {"n": b"\n", "t": b"\t", '"': b'"', "\\": b"\\"}


@dataclass(frozen=True)
class Line:
    """A line by its number in the old and the new text; one that is on one side has one number."""

    kind: str
    """same, add, del."""
    old: int | None
    new: int | None
    text: str = ""


@dataclass(frozen=True)
class Hunk:
    """Lines that follow each other."""

    lines: list[Line]
    section: str = ""
    """What git says they are part of, like a function."""

    @property
    def head(self) -> str:
        """Where it lies: "@@ -1,4 +1,5 @@"."""
        sides = ([line.old for line in self.lines], [line.new for line in self.lines])
        old, new = ([number for number in side if number is not None] for side in sides)
        text = f"@@ -{_span(old)} +{_span(new)} @@"
        return f"{text} {self.section}" if self.section else text


@dataclass
class PatchFile:
    """One file of a patch."""

    path: str
    old_path: str = ""
    """Another one when it was renamed."""
    status: str = "modified"
    notes: list[str] = field(default_factory=list)
    hunks: list[Hunk] = field(default_factory=list)


def line_counts(hunks: Sequence[Hunk]) -> tuple[int, int]:
    """How many lines were added and removed."""
    kinds = [line.kind for hunk in hunks for line in hunk.lines]
    return kinds.count("add"), kinds.count("del")


def text_hunks(old: Sequence[str], new: Sequence[str]) -> list[Hunk]:
    """What became of the lines of one text in the other, with three lines around each change."""
    matcher = SequenceMatcher(None, old, new)
    return [
        Hunk([line for step in group for line in _lines(step, old, new)])
        for group in matcher.get_grouped_opcodes(_CONTEXT)
    ]


def split_rows(lines: Sequence[Line]) -> Iterator[tuple[Line | None, Line | None]]:
    """The same lines side by side: what was removed beside what was added in its place."""
    removed: list[Line] = []
    added: list[Line] = []
    for line in lines:
        if line.kind == "same":
            yield from _beside(removed, added)
            removed, added = [], []
            yield line, line
        elif line.kind == "del":
            removed.append(line)
        else:
            added.append(line)
    yield from _beside(removed, added)


def patch_files(text: str) -> list[PatchFile]:
    """The files of a patch as git writes it."""
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    files: list[PatchFile] = []
    at = 0
    while at < len(lines):
        begun, hunk = _GIT.match(lines[at]), _HUNK.match(lines[at])
        if begun:
            files.append(PatchFile(_path(begun)))
        elif hunk and files:
            at += _read_hunk(files[-1], hunk, lines, at + 1)
        elif files:
            _read_head(files[-1], lines[at])
        at += 1
    return files


def _lines(
    step: tuple[str, int, int, int, int], old: Sequence[str], new: Sequence[str]
) -> Iterator[Line]:
    what, old_from, old_to, new_from, new_to = step
    if what == "equal":
        for n in range(old_to - old_from):
            yield Line("same", old_from + n + 1, new_from + n + 1, old[old_from + n])
        return
    yield from (Line("del", n + 1, None, old[n]) for n in range(old_from, old_to))
    yield from (Line("add", None, n + 1, new[n]) for n in range(new_from, new_to))


def _beside(
    removed: Sequence[Line], added: Sequence[Line]
) -> Iterator[tuple[Line | None, Line | None]]:
    for n in range(max(len(removed), len(added))):
        yield removed[n] if n < len(removed) else None, added[n] if n < len(added) else None


def _span(numbers: Sequence[int]) -> str:
    return f"{numbers[0]},{len(numbers)}" if numbers else "0,0"


def _read_hunk(file: PatchFile, head: re.Match[str], lines: Sequence[str], at: int) -> int:
    """Read as many lines as the head promises: how many lines of the patch that were."""
    old, new = int(head[1]), int(head[3])
    old_end = old + int(head[2] or 1)
    new_end = new + int(head[4] or 1)
    found: list[Line] = []
    taken = 0
    while (old < old_end or new < new_end) and at + taken < len(lines):
        mark, text = lines[at + taken][:1], lines[at + taken][1:]
        taken += 1
        if mark == "+":
            found.append(Line("add", None, new, text))
        elif mark == "-":
            found.append(Line("del", old, None, text))
        elif mark in {" ", ""}:
            found.append(Line("same", old, new, text))
        else:  # "\ No newline at end of file"
            continue
        old, new = old + (mark != "+"), new + (mark != "-")
    file.hunks.append(Hunk(found, head[5]))
    return taken


def _read_head(file: PatchFile, line: str) -> None:
    if line.startswith("new file"):
        file.status = "added"
    elif line.startswith("deleted file"):
        file.status = "removed"
    elif line.startswith("rename from "):
        file.status, file.old_path = "renamed", line.removeprefix("rename from ")
    elif line.startswith("old mode "):
        file.notes.append(f"Its mode was {line.removeprefix('old mode ')}.")
    elif line.startswith("new mode "):
        file.notes.append(f"It is {line.removeprefix('new mode ')} now.")
    elif line.startswith(("Binary files", "GIT binary patch")):
        file.notes.append("Not a text: the patch has it.")


def _path(begun: re.Match[str]) -> str:
    """The new path of a line "diff --git a/x b/x", from its second half."""
    rest = begun.string[begun.end() :]
    if begun["plain"]:
        return rest
    raw = rest.strip('"').removeprefix("b/")
    return _ESCAPE.sub(_unescaped, raw).encode("latin-1", "replace").decode("utf-8", "replace")


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    byte = bytes([int(code, 8)]) if len(code) == 3 else _ESCAPED.get(code, code.encode())
    return byte.decode("latin-1")
