"""The columns of the table of runs: which there are, which are shown, what a click on one does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runs.addresses import list_url
from runs.query import KEYED, ORDERS, Order, Query, column_text, columns

DEFAULT = ("status", "name", "experiment", "target", "metrics", "created", "duration")
LABELS = {
    "status": "Status",
    "name": "Name",
    "experiment": "Experiment",
    "target": "Target",
    "metrics": "Metrics",
    "created": "Submitted",
    "started": "Started",
    "ended": "Ended",
    "duration": "Duration",
    "user": "By",
    "script": "Script",
    "environment": "Environment",
    "source": "Source",
    "priority": "Priority",
    "gpus": "GPUs",
}
"""What can be shown besides single metrics and parameters; `metrics` shows some of each run's."""
MAX_COLUMNS = 60
_NUMBERS = frozenset({"duration", "priority", "gpus"})
_ON_PHONES = frozenset({"status", "name", "duration"})
_DOWN_FIRST = frozenset({"created", "started", "ended"})


@dataclass(frozen=True)
class Column:
    """One column: a field, or one metric or parameter."""

    field: str
    key: str = ""

    def __str__(self) -> str:
        """Its name in addresses."""
        return column_text(self.field, self.key)

    @property
    def label(self) -> str:
        """Its head."""
        return self.key or LABELS[self.field]

    @property
    def is_number(self) -> bool:
        """Whether it is set to the right."""
        return bool(self.key) or self.field in _NUMBERS

    @property
    def classes(self) -> str:
        """How it is set; only what is needed, and what was chosen, is left on a phone."""
        on_phones = self.key or self.field in _ON_PHONES
        return " ".join(
            name for name, wanted in (("num", self.is_number), ("wide", not on_phones)) if wanted
        )


@dataclass(frozen=True)
class Head:
    """The head of a column: how the table is sorted by it, and where a click leads."""

    column: Column
    order: str
    """As `aria-sort` says it; empty when it is sorted by something else."""
    url: str
    """Empty when nothing can be sorted by it."""


def columns_read(texts: Iterable[str]) -> list[Column]:
    """The columns that an address asks for, each once; unknown ones are left out."""
    found = [Column(field, key) for text in texts for field, key in columns(text)]
    known = [c for c in found if (c.field in KEYED if c.key else c.field in LABELS)]
    return list(dict.fromkeys(known))[:MAX_COLUMNS] or [Column(name) for name in DEFAULT]


def columns_text(shown: Iterable[Column]) -> str:
    """The columns as an address names them; the usual ones need no name."""
    text = ",".join(map(str, shown))
    return "" if text == ",".join(DEFAULT) else text


def table_heads(shown: Iterable[Column], query: Query, **more: object) -> list[Head]:
    """The heads of a table that shows a query; `more` is what else stays in the address."""
    first = query.orders[0] if query.orders else Order("created", descending=True)
    return [_head(column, query, first, more) for column in shown]


def _head(column: Column, query: Query, first: Order, more: dict[str, object]) -> Head:
    if not column.key and column.field not in ORDERS:
        return Head(column, "", "")
    is_first = (first.field, first.key) == (column.field, column.key)
    order = "" if not is_first else "descending" if first.descending else "ascending"
    down = not first.descending if is_first else column.field in _DOWN_FIRST
    wanted = query.sorted_by(Order(column.field, column.key, down))
    return Head(column, order, list_url(str(wanted), **more))
