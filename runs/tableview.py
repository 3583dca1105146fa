"""The first rows of a CSV or TSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

ROWS = 200
COLUMNS = 50
_CELL = 300


@dataclass(frozen=True)
class Table:
    """A head, rows of as many cells, and whether the file has more than that."""

    head: list[str]
    rows: list[list[str]]
    has_more_rows: bool
    hidden_columns: int


def table_of(text: str, *, tabs: bool, is_whole: bool) -> Table | None:
    """The table at the beginning of a file; None when there is none.

    `is_whole` is False when the text was cut out of a longer file.
    """
    delimiter = "\t" if tabs else _delimiter(text)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) > ROWS + 1:
                break
    except csv.Error:
        return None
    if not is_whole and len(rows) <= ROWS + 1 and rows:
        rows.pop()  # it may have lost its end
    if not rows:
        return None
    width = max(map(len, rows))
    head, *below = [_shown(row, width) for row in rows]
    has_more = not is_whole or len(below) > ROWS
    return Table(head, below[:ROWS], has_more, max(0, width - COLUMNS))


def _delimiter(text: str) -> str:
    """What stands between the cells, judged by the first line."""
    first = text[: text.find("\n")] if "\n" in text else text
    return max(",;\t|", key=first.count) if first else ","


def _shown(row: list[str], width: int) -> list[str]:
    cells = [cell if len(cell) <= _CELL else f"{cell[:_CELL]}…" for cell in row[:COLUMNS]]
    return cells + [""] * (min(width, COLUMNS) - len(cells))
