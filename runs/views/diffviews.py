"""Differences between files as a page shows them, in one column or side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import PurePosixPath

from django.utils.safestring import SafeString, mark_safe

from runs.changes import Changes
from runs.codeview import code_lines, text_lines
from runs.diffs import Hunk, Line, PatchFile, line_counts, patch_files, split_rows, text_hunks
from runs.linemarks import line_marks, marked
from runs.snapshots import Entry
from runs.stores import blob_store
from runs.templatetags.runyard import size as size_text
from runs.views.fileviews import VIEW_BYTES, coloured_lines

BUDGET_BYTES = VIEW_BYTES
"""Of both sides of all files together; what is left out is named and asked for one by one."""
LINES_A_FILE = 2_000
LINES = 6_000
FILES = 300
FILES_WITH_LINES = 60
_OPEN = 12

_NOTHING = SafeString("")

Texts = Sequence[str]
"""HTML by line number - 1."""


@dataclass(frozen=True, kw_only=True)
class FileDiff:
    """One file: what became of it, how many lines of it, and the lines."""

    path: str
    status: str
    added: int = 0
    removed: int = 0
    rows: SafeString = _NOTHING
    note: str = ""
    is_left_out: bool = False
    """Its lines are not on this page; they are on one of their own."""
    is_open: bool = False


@dataclass
class Diff:
    """Many files, and what of them is not shown."""

    files: list[FileDiff] = field(default_factory=list)
    unlisted: int = 0

    @property
    def added(self) -> int:
        """Lines in all files that are shown."""
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        """Lines in all files that are shown."""
        return sum(file.removed for file in self.files)

    @property
    def left_out(self) -> int:
        """Files whose lines are not counted."""
        return sum(file.is_left_out for file in self.files) + self.unlisted


class _Room:
    """What may still be shown on a page."""

    def __init__(self, *, is_alone: bool) -> None:
        self.bytes = 4 * VIEW_BYTES if is_alone else BUDGET_BYTES
        self.lines = 10 * LINES if is_alone else LINES
        self.lines_a_file = self.lines if is_alone else LINES_A_FILE
        self.files = FILES_WITH_LINES

    def takes_file(self, count: int) -> bool:
        """Whether another file of so many bytes fits; then it is taken."""
        fits = self.files > 0 and count <= self.bytes
        self.bytes -= count if fits else 0
        self.files -= fits
        return fits

    def takes_lines(self, count: int) -> bool:
        """Likewise lines."""
        fits = count <= min(self.lines, self.lines_a_file)
        self.lines -= count if fits else 0
        return fits


def changes_diff(found: Changes, *, only: str = "", is_split: bool = False) -> Diff:
    """What became of the files of a snapshot in another, or of the one file that is asked for."""
    moved = _moved(found)
    pairs: list[tuple[Entry | None, Entry | None]] = [*found.modified, *moved]
    known = {entry.path for pair in moved for entry in pair}
    pairs += [(None, entry) for entry in found.added if entry.path not in known]
    pairs += [(entry, None) for entry in found.removed if entry.path not in known]
    pairs = [pair for pair in pairs if only in {"", _path(pair)}]
    room = _Room(is_alone=bool(only))
    files = [
        _entry_diff(pair, room, is_split=is_split, is_open=number < _OPEN)
        for number, pair in enumerate(pairs[:FILES])
    ]
    return Diff(files, max(0, len(pairs) - FILES))


def patch_diff(text: str, *, only: str = "", is_split: bool = False) -> Diff:
    """The files of a patch."""
    listed = [file for file in patch_files(text) if only in {"", file.path}]
    room = _Room(is_alone=bool(only))
    files = [
        _patched(file, room, is_split=is_split, is_open=number < _OPEN)
        for number, file in enumerate(listed[:FILES])
    ]
    return Diff(files, max(0, len(listed) - FILES))


def _moved(found: Changes) -> list[tuple[Entry, Entry]]:
    """The files that went away from one path and came back, unchanged, at another."""
    gone = {entry.sha: entry for entry in found.removed if entry.size}
    return [(gone.pop(entry.sha), entry) for entry in found.added if entry.sha in gone]


def _path(pair: tuple[Entry | None, Entry | None]) -> str:
    before, after = pair
    entry = after or before
    return entry.path if entry else ""


def _entry_diff(
    pair: tuple[Entry | None, Entry | None], room: _Room, *, is_split: bool, is_open: bool
) -> FileDiff:
    before, after = pair
    path = _path(pair)
    status = _status(before, after)
    note = _why_no_lines(before, after)
    if note:
        return FileDiff(path=path, status=status, note=note, is_open=is_open)
    if not room.takes_file(sum(entry.size for entry in pair if entry)):
        return FileDiff(path=path, status=status, note=_too_much(pair), is_left_out=True)
    sides = [_bytes(entry) for entry in pair]
    if any(b"\0" in side for side in sides):
        sizes = " → ".join(size_text(entry.size) for entry in pair if entry)
        return FileDiff(path=path, status=status, note=f"Not a text. {sizes}.", is_open=is_open)
    old, new = (text_lines(side.decode("utf-8", errors="replace")) for side in sides)
    hunks = text_hunks(old, new)
    added, removed = line_counts(hunks)
    if not hunks:
        note = "Only its line ends differ." if any(sides) else "It is empty."
        return FileDiff(path=path, status=status, note=note, is_open=is_open)
    if not room.takes_lines(sum(len(hunk.lines) for hunk in hunks)):
        note = f"{added + removed:,} lines changed: too many beside all the others."
        return FileDiff(
            path=path, status=status, added=added, removed=removed, note=note, is_left_out=True
        )
    name = PurePosixPath(path).name
    old_html, new_html = (coloured_lines(entry.sha, name) if entry else () for entry in pair)
    rows = "".join(_hunk_rows(hunk, old_html, new_html, is_split=is_split) for hunk in hunks)
    return FileDiff(
        path=path,
        status=status,
        added=added,
        removed=removed,
        rows=mark_safe(rows),  # noqa: S308  (lines are HTML by Pygments, the rest is escaped)
        is_open=is_open and status == "modified",
    )


def _status(before: Entry | None, after: Entry | None) -> str:
    if before and after:
        return "modified" if before.path == after.path else "renamed"
    return "added" if after else "removed"


def _why_no_lines(before: Entry | None, after: Entry | None) -> str:
    if (before and before.link) or (after and after.link):
        sides = [_named(entry) for entry in (before, after) if entry]
        return f"{' became '.join(sides)}.".replace("a ", "A ", 1)
    if before and after and before.path != after.path:
        return f"It was {before.path}, with the same content."
    if before and after and before.sha == after.sha:
        return f"Its mode went from {before.mode:o} to {after.mode:o}."
    return ""


def _named(entry: Entry) -> str:
    return f"a link to {entry.link}" if entry.link else "a file"


def _too_much(pair: tuple[Entry | None, Entry | None]) -> str:
    size = sum(entry.size for entry in pair if entry)
    return f"{size_text(size)} to compare: too much beside all the others."


def _bytes(entry: Entry | None) -> bytes:
    return blob_store().path(entry.sha).read_bytes() if entry else b""


def _patched(file: PatchFile, room: _Room, *, is_split: bool, is_open: bool) -> FileDiff:
    added, removed = line_counts(file.hunks)
    note = " ".join(file.notes)
    if file.old_path:
        note = f"It was {file.old_path}. {note}".strip()
    count = sum(len(hunk.lines) for hunk in file.hunks)
    if not room.takes_lines(count):
        note = f"{added + removed:,} lines changed: too many beside all the others. {note}".strip()
        return FileDiff(
            path=file.path,
            status=file.status,
            added=added,
            removed=removed,
            note=note,
            is_left_out=True,
        )
    rows = "".join(_patch_rows(file, hunk, is_split=is_split) for hunk in file.hunks)
    return FileDiff(
        path=file.path,
        status=file.status,
        added=added,
        removed=removed,
        note=note,
        rows=mark_safe(rows),  # noqa: S308  (lines are HTML by Pygments, the rest is escaped)
        is_open=is_open,
    )


def _patch_rows(file: PatchFile, hunk: Hunk, *, is_split: bool) -> str:
    """A hunk alone is coloured as if it were a file: that is right but for texts begun before."""
    name = PurePosixPath(file.path).name
    sides = []
    for number in ("old", "new"):
        lines = [line for line in hunk.lines if getattr(line, number) is not None]
        coloured = code_lines("\n".join(line.text for line in lines) + "\n", name)
        whole = coloured if len(coloured) == len(lines) else [escape(line.text) for line in lines]
        sides.append(dict(zip([getattr(line, number) for line in lines], whole, strict=True)))
    return _rows(hunk, sides[0], sides[1], is_split=is_split)


def _hunk_rows(hunk: Hunk, old: Texts, new: Texts, *, is_split: bool) -> str:
    numbered = [dict(enumerate(texts, 1)) for texts in (old, new)]
    return _rows(hunk, numbered[0], numbered[1], is_split=is_split)


def _rows(hunk: Hunk, old: dict[int, str], new: dict[int, str], *, is_split: bool) -> str:
    old_marks, new_marks = line_marks(hunk.lines)
    old = old | {n: marked(old[n], spans) for n, spans in old_marks.items() if n in old}
    new = new | {n: marked(new[n], spans) for n, spans in new_marks.items() if n in new}
    width = 4 if is_split else 3
    head = f'<tr class="hunk"><td colspan="{width}">{escape(hunk.head)}</td></tr>'
    if is_split:
        body: Iterable[str] = (
            f"<tr>{_half(left, 'old', old)}{_half(right, 'new', new)}</tr>"
            for left, right in split_rows(hunk.lines)
        )
    else:
        body = (_row(line, old, new) for line in hunk.lines)
    return head + "".join(body)


def _row(line: Line, old: dict[int, str], new: dict[int, str]) -> str:
    text = new.get(line.new, "") if line.new else old.get(line.old or 0, "")
    return (
        f'<tr class="{line.kind}"><td class="n" data-n="{line.old or ""}"></td>'
        f'<td class="n" data-n="{line.new or ""}"></td><td class="t">{text}</td></tr>'
    )


def _half(line: Line | None, side: str, texts: dict[int, str]) -> str:
    if line is None:
        return '<td class="n"></td><td class="t none"></td>'
    number = getattr(line, side)
    return (
        f'<td class="n {line.kind}" data-n="{number}"></td>'
        f'<td class="t {line.kind}">{texts.get(number, "")}</td>'
    )
