"""One file as a page shows it: lines in colours, cells, a picture, a table, or why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from django.utils.safestring import SafeString, mark_safe

from runs.codeview import code_lines, plain_lines
from runs.imagetypes import HEAD_BYTES, image_type
from runs.jsonview import json_html
from runs.notebookview import Cell, notebook_cells
from runs.stores import blob_store
from runs.tableview import ROWS, Table, table_of
from runs.templatetags.runyard import size as size_text

VIEW_BYTES = 512 * 1024
"""Of larger texts the beginning is shown, which the page says."""
HEAD_TEXT_BYTES = 256 * 1024
IMAGE_BYTES = 20_000_000
SMALL_BYTES = 8 * 1024
_NOTHING = SafeString("")


@dataclass(frozen=True, kw_only=True)
class FileView:
    """What there is to see of a file; `kind` says which of the fields it is in."""

    kind: str
    """code, notebook, image, table, json, nothing."""
    lines: SafeString = _NOTHING
    count: int = 0
    cells: list[tuple[Cell, SafeString]] = field(default_factory=list)
    """Each with its source in colours."""
    table: Table | None = None
    html: SafeString = _NOTHING
    note: str = ""
    """What is not shown."""


def file_view(*, sha: str, name: str, size: int, is_data: bool = False) -> FileView:
    """The file with this content and name; with `is_data`, tables and JSON are shown as such."""
    path = blob_store().path(sha)
    with path.open("rb") as content:
        head = content.read(HEAD_BYTES)
        if image_type(name, head):
            return _image(size)
        text_head = head + content.read(HEAD_TEXT_BYTES - len(head))
    if b"\0" in text_head:
        return FileView(kind="nothing", note="Not a text: download it.")
    if is_data and (view := _data(sha, name, size, text_head)):
        return view
    if size > VIEW_BYTES:
        return _beginning(text_head, size)
    if name.lower().endswith(".ipynb"):
        cells = notebook_cells(path.read_text(encoding="utf-8", errors="replace"))
        if cells is not None:
            shown = [(cell, mark_safe("\n".join(cell.lines))) for cell in cells]  # noqa: S308
            return FileView(kind="notebook", cells=shown)
    lines, count = _numbered(sha, name)
    return FileView(kind="code", lines=lines, count=count)


def coloured_lines(sha: str, name: str) -> tuple[str, ...]:
    """The lines of a content in colours; it never changes under its hash, so they are kept."""
    is_small = blob_store().path(sha).stat().st_size < SMALL_BYTES
    return _small(sha, name) if is_small else _large(sha, name)


def _read_coloured(sha: str, name: str) -> tuple[str, ...]:
    text = blob_store().path(sha).read_text(encoding="utf-8", errors="replace")
    return tuple(code_lines(text, name))


# many small files must not push out the few that take long to colour
_small = lru_cache(maxsize=1024)(_read_coloured)
_large = lru_cache(maxsize=64)(_read_coloured)


@lru_cache(maxsize=32)
def _numbered(sha: str, name: str) -> tuple[SafeString, int]:
    lines = coloured_lines(sha, name)
    return numbered_html(lines), len(lines)


def numbered_html(lines: Iterable[str]) -> SafeString:
    """Lines with numbers that have an address each."""
    return mark_safe(  # noqa: S308  (the lines are HTML already)
        "".join(
            f'<span class="cl" id="L{number}"><a href="#L{number}" data-n="{number}" '
            f'tabindex="-1" aria-hidden="true"></a>{line}\n</span>'
            for number, line in enumerate(lines, 1)
        )
    )


def file_image_type(sha: str, name: str) -> str:
    """The type under which a page can show a stored file; "" when it is no image."""
    with blob_store().open(sha) as content:
        return image_type(name, content.read(HEAD_BYTES))


def _image(size: int) -> FileView:
    if size > IMAGE_BYTES:
        note = f"An image of {size_text(size)}: too large to show here, download it."
        return FileView(kind="nothing", note=note)
    return FileView(kind="image")


def _data(sha: str, name: str, size: int, head: bytes) -> FileView | None:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in {".csv", ".tsv"}:
        text = head.decode("utf-8", errors="replace")
        is_whole = size <= len(head)
        table = table_of(text, tabs=suffix == ".tsv", is_whole=is_whole)
        return FileView(kind="table", table=table, note=_table_note(table)) if table else None
    if suffix == ".json" and size <= VIEW_BYTES:
        found = json_html(blob_store().path(sha).read_text(encoding="utf-8", errors="replace"))
        if found:
            html, left_out = found
            note = f"{left_out:,} more values are not shown: download it." if left_out else ""
            return FileView(kind="json", html=mark_safe(html), note=note)  # noqa: S308  (escaped)
    return None


def _table_note(table: Table) -> str:
    notes = []
    if table.has_more_rows:
        notes.append(f"The first {min(ROWS, len(table.rows))} rows; download it for the rest.")
    if table.hidden_columns:
        notes.append(f"{table.hidden_columns:,} more columns are not shown.")
    return " ".join(notes)


def _beginning(head: bytes, size: int) -> FileView:
    cut = head.rfind(b"\n") + 1 or len(head)
    lines = plain_lines(head[:cut].decode("utf-8", errors="replace"))
    note = (
        f"The first {len(lines):,} lines, {size_text(cut)} of {size_text(size)}, without colours: "
        "download it for the rest."
    )
    return FileView(kind="code", lines=numbered_html(lines), count=len(lines), note=note)
