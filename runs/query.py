r"""The language in which runs are asked for: one line, the same for pages, REST and the shell.

    status:failed,canceled -tag:draft metrics.r2>0.4 created>7d "free text" sort:-metrics.r2

    query  = (["-"] (text | path op values) | "sort:" orders) separated by blanks
    path   = field ["." key]           a key or value with blanks or marks stands in quotes,
    op     = : = != > < >= <=          where \" and \\ mean " and \
    values = value {"," value}         one of them is enough

Pure: no Django, no records.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from runs.params import number_of
from runs.states import FINAL, LIVE, Status

MAX_LENGTH = 4000
MAX_TERMS = 50
COMPARISONS = frozenset({">", "<", ">=", "<="})
NOT_NUMBERS = frozenset({"nan", "inf", "-inf"})
GROUPS = {"live": LIVE, "ended": FINAL}
FLAGS = ("archived",)
DEFAULT_ORDER = "created"

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PATH = re.compile(rf'([A-Za-z_]+)(?:\.({_QUOTED}|[^\s":=!<>,]+))?(!=|>=|<=|:|=|>|<)', re.DOTALL)
_VALUE = re.compile(rf'({_QUOTED})|[^\s",]+', re.DOTALL)
_ORDER = re.compile(rf'(-?)([A-Za-z_]+)(?:\.({_QUOTED}|[^\s",]+))?', re.DOTALL)
_WORD = re.compile(rf'({_QUOTED})|[^\s"]+', re.DOTALL)
_PLAIN_KEY = re.compile(r'[^\s":=!<>,]+')
_PLAIN_ORDER_KEY = re.compile(r'[^\s",]+')
_PLAIN_VALUE = re.compile(r'[^\s",]+')
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}))?")
_LENGTH = re.compile(r"(?:\d+(?:\.\d+)?(?:min|[smhdw]))+")
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(min|[smhdw])")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LONGEST_S = 100 * 365 * 86400


class Kind(StrEnum):
    """What the values of a field are."""

    STATUS = "status"
    NAME = "name"
    """Of a thing, whole: an experiment, a target, a person."""
    TEXT = "text"
    """Any part of it after a colon, the whole of it after ="""
    TAG = "tag"
    FLAG = "flag"
    WHOLE = "whole number"
    MOMENT = "moment"
    LENGTH = "length of time"
    VALUE = "value"
    """Of a metric or a parameter, which the key names."""


FIELDS = {
    "status": Kind.STATUS,
    "experiment": Kind.NAME,
    "target": Kind.NAME,
    "user": Kind.NAME,
    "environment": Kind.NAME,
    "source": Kind.NAME,
    "name": Kind.TEXT,
    "script": Kind.TEXT,
    "error": Kind.TEXT,
    "tag": Kind.TAG,
    "metrics": Kind.VALUE,
    "params": Kind.VALUE,
    "created": Kind.MOMENT,
    "started": Kind.MOMENT,
    "ended": Kind.MOMENT,
    "duration": Kind.LENGTH,
    "id": Kind.WHOLE,
    "priority": Kind.WHOLE,
    "gpus": Kind.WHOLE,
    "is": Kind.FLAG,
}
ORDERS = tuple(
    name for name in FIELDS if name not in {"tag", "is", "error", "id", "metrics", "params"}
)
"""What runs can be sorted by besides metrics and parameters."""
KEYED = tuple(name for name, kind in FIELDS.items() if kind is Kind.VALUE)


class QueryError(Exception):
    """A query that cannot be read: what is wrong, and where."""

    def __init__(self, sentence: str, at: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.at = at


@dataclass(frozen=True)
class Term:
    """One condition; without a field it is a text to look for."""

    field: str
    op: str
    values: tuple[str, ...]
    key: str = ""
    negated: bool = False
    at: int = dataclasses.field(default=0, compare=False)
    """Where it stood."""

    def __str__(self) -> str:
        """As one would write it."""
        sign = "-" if self.negated else ""
        if not self.field:
            text = self.values[0]
            is_plain = _PLAIN_VALUE.fullmatch(text) and not text.startswith("-")
            return sign + (text if is_plain and not _PATH.match(text) else quoted(text))
        path = self.field
        if self.key:
            path += "." + (self.key if _PLAIN_KEY.fullmatch(self.key) else quoted(self.key))
        return f"{sign}{path}{self.op}{','.join(map(value_text, self.values))}"


@dataclass(frozen=True)
class Order:
    """One thing to sort by."""

    field: str
    key: str = ""
    descending: bool = False

    def __str__(self) -> str:
        """As one would write it after `sort:`."""
        return ("-" if self.descending else "") + column_text(self.field, self.key)


@dataclass(frozen=True)
class Query:
    """Which runs, and in which order; the conditions hold all together."""

    terms: tuple[Term, ...] = ()
    orders: tuple[Order, ...] = ()

    def __str__(self) -> str:
        """A text that reads as this query."""
        words = [str(term) for term in self.terms]
        if self.orders:
            words.append("sort:" + ",".join(map(str, self.orders)))
        return " ".join(words)

    def sorted_by(self, *orders: Order) -> Query:
        """The same runs in another order."""
        return replace(self, orders=orders)

    def has(self, name: str) -> bool:
        """Whether a condition is about this field."""
        return any(term.field == name for term in self.terms)


def parse(text: str) -> Query:
    """Read a query.

    Raises:
        QueryError: it cannot be read, or asks for what no run can have.
    """
    _check_text(text)
    terms: list[Term] = []
    orders: list[Order] = []
    at = 0
    while (at := _skip_blanks(text, at)) < len(text):
        found, at = _item(text, at)
        if isinstance(found, Term):
            terms.append(found)
        else:
            orders += found
    if len(terms) + len(orders) > MAX_TERMS:
        raise QueryError(f"This asks for more than {MAX_TERMS} things: ask for fewer.", 0)
    return Query(tuple(terms), tuple(dict.fromkeys(orders)))


def quoted(text: str) -> str:
    """A text in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def value_text(text: str) -> str:
    """A value as it can stand in a query."""
    return text if _PLAIN_VALUE.fullmatch(text) else quoted(text)


def term_text(name: str, *values: str, op: str = ":", key: str = "") -> str:
    """One condition as text, whatever stands in its values."""
    return str(Term(name, op, values, key))


def column_text(name: str, key: str = "") -> str:
    """A field, or a metric or parameter by its key, as it can stand in a list."""
    if not key:
        return name
    return f"{name}.{key if _PLAIN_ORDER_KEY.fullmatch(key) else quoted(key)}"


def columns(text: str) -> Iterator[tuple[str, str]]:
    """The (field, key) of a list like `name,metrics.r2`; what cannot be read is left out."""
    at = 0
    while at < len(text):
        found = _ORDER.match(text, at)
        if found and not found[1]:
            yield found[2], _bare(found[3] or "")
        at = max(at + 1, found.end() if found else 0)


def seconds(text: str) -> float | None:
    """The length of "90s", "1h30m" or "7d"; None for anything else."""
    if not _LENGTH.fullmatch(text) or len(text) > 40:
        return None
    total = sum(float(count) * _UNITS[unit] for count, unit in _PIECE.findall(text))
    return total if total <= _LONGEST_S else None


def moments(text: str, now: datetime) -> tuple[datetime, datetime] | None:
    """When a day, a minute or an age was: its beginning and the moment after its end (UTC).

    An age like "7d" is one moment, so long before `now`.
    """
    ago = seconds(text)
    if ago is not None:
        return now - timedelta(seconds=ago), now - timedelta(seconds=ago)
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute = (int(part or 0) for part in found.groups())
    try:
        begin = datetime(year, month, day, hour, minute, tzinfo=UTC)
        return begin, begin + (timedelta(minutes=1) if found[4] else timedelta(days=1))
    except (ValueError, OverflowError):
        return None


def statuses(word: str) -> frozenset[Status]:
    """The statuses that a word means: itself, or those of a group."""
    return GROUPS[word] if word in GROUPS else frozenset({Status(word)})


def _check_text(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise QueryError(f"A query has {MAX_LENGTH:,} characters at most: shorten it.", MAX_LENGTH)
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise QueryError("This character cannot be looked for: remove it.", at)


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _item(text: str, start: int) -> tuple[Term | list[Order], int]:
    negated = text[start] == "-" and start + 1 < len(text) and not text[start + 1].isspace()
    at = start + negated
    path = _PATH.match(text, at)
    if path is None:
        word, end = _take(_WORD, text, at)
        return Term("", ":", (word,), negated=negated, at=start), _ends(text, end)
    name, key, op = path[1].lower(), _bare(path[2] or ""), path[3]
    if name == "sort":
        if negated or key or op != ":":
            raise QueryError("The order is written as sort:created or sort:-created.", start)
        return _orders(text, path.end())
    _check_path(name, key, at)
    values, end = _values(text, path.end())
    term = Term(name, op, tuple(values.values()), key, negated, start)
    for where, value in values.items():
        _check_value(term, value, where)
    return term, _ends(text, end)


def _take(pattern: re.Pattern[str], text: str, at: int) -> tuple[str, int]:
    """The word or quoted text that stands there, and where it ends."""
    found = pattern.match(text, at)
    if found is None:
        if at < len(text) and text[at] == '"':
            raise QueryError("This quotation mark is never closed.", at)
        raise QueryError("A value is missing here.", at)
    return (_bare(found[1]) if found[1] is not None else found[0]), found.end()


def _bare(text: str) -> str:
    """A text without its quotes."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text[:1] == '"' else text


def _ends(text: str, at: int) -> int:
    if at < len(text) and not text[at].isspace():
        raise QueryError("A blank is missing here, or quotes around the whole.", at)
    return at


def _values(text: str, at: int) -> tuple[dict[int, str], int]:
    """Where each value begins, and the value."""
    found: dict[int, str] = {}
    while True:
        found[at], end = _take(_VALUE, text, at)
        if end >= len(text) or text[end] != ",":
            return found, end
        at = end + 1


def _orders(text: str, at: int) -> tuple[list[Order], int]:
    orders = []
    while True:
        found = _ORDER.match(text, at)
        if found is None:
            raise QueryError(f"Name what to sort by: {', '.join(ORDERS)}, metrics.NAME.", at)
        name, key = found[2].lower(), _bare(found[3] or "")
        if name not in ORDERS and name not in KEYED:
            raise QueryError(_no_order(found[2]), at)
        _check_path(name, key, at)
        orders.append(Order(name, key, bool(found[1])))
        if found.end() >= len(text) or text[found.end()] != ",":
            return orders, _ends(text, found.end())
        at = found.end() + 1


def _no_order(name: str) -> str:
    known = ", ".join([*ORDERS, *(f"{name}.NAME" for name in KEYED)])
    return f"Runs cannot be sorted by '{name}': choose from {known}."


def _check_path(name: str, key: str, at: int) -> None:
    if name not in FIELDS:
        raise QueryError(
            f"There is no field '{name}': choose from {', '.join(FIELDS)}, or put the word in "
            "quotes to look for it as text.",
            at,
        )
    if name in KEYED and not key:
        raise QueryError(f"Say which one: {name}.NAME.", at)
    if name not in KEYED and key:
        raise QueryError(f"'{name}' has nothing below it: leave '.{key}' away.", at)


def _check_value(term: Term, value: str, at: int) -> None:
    kind = FIELDS[term.field]
    if term.op in COMPARISONS and kind not in _COMPARED:
        raise QueryError(f"'{term.field}' has no greater or less: use : or !=.", at)
    known = _KNOWN.get(kind)
    if known and value not in known:
        what = "status" if kind is Kind.STATUS else "word after 'is:'"
        raise QueryError(f"'{value}' is no {what}: choose from {', '.join(known)}.", at)
    check = _CHECKS.get(kind)
    problem = check(term, value) if check else ""
    if problem:
        raise QueryError(problem, at)


def _no_whole(_: Term, value: str) -> str:
    is_whole = re.fullmatch(r"-?\d{1,18}", value, re.ASCII)
    return "" if is_whole else f"'{value}' is no whole number."


def _no_moment(term: Term, value: str) -> str:
    now = datetime(2000, 1, 1, tzinfo=UTC)
    if moments(value, now) is None:
        return f"'{value}' is no time: write 2026-11-01, 2026-11-01T14:30, or an age like 7d or 3h."
    if term.op not in COMPARISONS and seconds(value) is not None:
        return f"'{value}' is one moment: write {term.field}>{value} for what came later."
    return ""


def _no_length(_: Term, value: str) -> str:
    return (
        "" if seconds(value) is not None else f"'{value}' is no duration: write 90s, 5m or 1h30m."
    )


def _no_number(term: Term, value: str) -> str:
    if term.op in COMPARISONS and number_of(value) is None:
        return f"'{value}' is no number, so nothing is greater or less."
    return ""


_COMPARED = frozenset({Kind.WHOLE, Kind.MOMENT, Kind.LENGTH, Kind.VALUE})
_KNOWN: dict[Kind, Iterable[str]] = {
    Kind.STATUS: (*GROUPS, *Status),
    Kind.FLAG: FLAGS,
}
_CHECKS: dict[Kind, Callable[[Term, str], str]] = {
    Kind.WHOLE: _no_whole,
    Kind.MOMENT: _no_moment,
    Kind.LENGTH: _no_length,
    Kind.VALUE: _no_number,
}
