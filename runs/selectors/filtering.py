"""A query as the database understands it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime
from functools import reduce
from typing import Any

from django.db.models import (
    CharField,
    DateTimeField,
    Exists,
    F,
    Field,
    FloatField,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.utils import timezone

from environments.models import EnvironmentVersion
from environments.selectors import LATEST
from runs.models import MetricSeries, Run, RunParam
from runs.params import VALUE_LENGTH, number_of
from runs.query import COMPARISONS, FIELDS, Kind, Order, Query, Term, moments, seconds, statuses
from studio.models import User

COLUMNS = {
    "experiment": "experiment__name",
    "target": "target__name",
    "user": "submitted_by__username",
    "environment": "environment_version__environment__name",
    "source": "source__name",
    "name": "name",
    "script": "script",
    "error": "error",
    "created": "created_at",
    "started": "started_at",
    "ended": "ended_at",
    "duration": "length",
    "id": "pk",
    "priority": "priority",
    "gpus": "gpus",
    "status": "status",
}
"""Where a field lies."""
_KEYED = {"metrics": ("last",), "params": ("number", "text")}
"""In which columns the value of a metric or parameter lies, the first as a number."""
_SEARCHED = ("name", "description", "script", "error")
_LOOKUPS = {">": "gt", "<": "lt", ">=": "gte", "<=": "lte"}


def query_filter(rows: QuerySet[Run], query: Query, *, user: User) -> QuerySet[Run]:
    """The rows for which every condition holds; archived ones only when they are asked for."""
    now = timezone.now()
    if query.has("duration"):
        rows = rows.alias(length=_length(now))
    if not query.has("is"):
        rows = rows.filter(archived_at=None)
    for term in query.terms:
        condition = _keyed(term) if term.key else _condition(term, user, now)
        rows = rows.filter(~condition if _is_negated(term) else condition)
    return rows


def query_order(rows: QuerySet[Run], query: Query) -> QuerySet[Run]:
    """The rows in the order of the query, the newest first of equals and by default."""
    words: list[object] = []
    if any(order.field == "duration" for order in query.orders):
        rows = rows.alias(length=_length(timezone.now()))
    for number, order in enumerate(query.orders):
        rows, found = _ordered(rows, order, number)
        words += found
    return rows.order_by(*words, "-pk")  # type: ignore[arg-type]  # names and expressions


def _ordered(rows: QuerySet[Run], order: Order, number: int) -> tuple[QuerySet[Run], list[object]]:
    if order.key:
        names = [f"by_{number}_{place}" for place, _ in enumerate(_KEYED[order.field])]
        columns = zip(names, _KEYED[order.field], strict=True)
        rows = rows.alias(**{name: _value_of(order, column) for name, column in columns})
        return rows, [_directed(name, order) for name in names]
    if order.field == "created":  # numbers are given in the order of submission
        return rows, ["-pk" if order.descending else "pk"]
    return rows, [_directed(COLUMNS[order.field], order)]


def _directed(name: str, order: Order) -> object:
    """What has no value stands at the end, whichever the direction."""
    return F(name).desc(nulls_last=True) if order.descending else F(name).asc(nulls_last=True)


def _value_of(order: Order, column: str) -> Subquery:
    mine = _named(order.field, order.key).filter(run=OuterRef("pk"))
    kind: Field[Any, Any] = CharField() if column == "text" else FloatField()
    return Subquery(mine.values(column)[:1], output_field=kind)


def _named(field: str, key: str) -> QuerySet[Any]:
    """The metrics or parameters of this name, of whichever run."""
    model = MetricSeries if field == "metrics" else RunParam
    return model._default_manager.filter(name=key).order_by()


def _length(now: datetime) -> Func:
    """How many seconds the command ran, so far if it still does."""
    return _Seconds(Coalesce(F("ended_at"), Value(now, DateTimeField())), F("started_at"))


class _Seconds(Func):
    """The seconds from the second to the first of two moments; Django's own difference calls
    Python for each row of SQLite.
    """

    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        return self._as(compiler, "((julianday({}) - julianday({})) * 86400.0)")

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        return self._as(compiler, "CAST(EXTRACT(EPOCH FROM ({}) - ({})) AS double precision)")

    def _as(self, compiler: Any, form: str) -> Any:
        parts = [compiler.compile(part) for part in self.source_expressions]
        return form.format(*(sql for sql, _ in parts)), [p for _, params in parts for p in params]


def _is_negated(term: Term) -> bool:
    return term.negated != (term.op == "!=")


def _condition(term: Term, user: User, now: datetime) -> Q:
    """What holds if any of the values fits; whether that is negated is not looked at."""
    return reduce(operator.or_, (_fits(term, value, user, now) for value in term.values))


def _fits(term: Term, value: str, user: User, now: datetime) -> Q:
    if not term.field:
        parts = (Q(**{f"{name}__icontains": value}) for name in _SEARCHED)
        return reduce(operator.or_, parts)
    return _FITS[FIELDS[term.field]](term, value, user, now)


def _status(_term: Term, value: str, _user: User, _now: datetime) -> Q:
    return Q(status__in=sorted(statuses(value)))


def _flag(_term: Term, _value: str, _user: User, _now: datetime) -> Q:
    return Q(archived_at__isnull=False)


def _name(term: Term, value: str, user: User, _now: datetime) -> Q:
    if term.field == "user" and value == "me":
        return Q(submitted_by=user.pk)
    if term.field == "environment" and ":" in value:
        return _version(value)
    return Q(**{COLUMNS[term.field]: value})


def _version(reference: str) -> Q:
    """Runs in one version of an environment: by its number, or by what a label means now."""
    name, _, which = reference.partition(":")
    if which == LATEST:
        newest = EnvironmentVersion.objects.filter(
            environment=OuterRef("environment_version__environment")
        ).order_by("-number")
        number = Coalesce(
            Subquery(newest.filter(archived_at=None).values("number")[:1]),
            Subquery(newest.values("number")[:1]),
        )
        return Q(**{COLUMNS["environment"]: name, "environment_version__number": number})
    column = "number" if re.fullmatch(r"\d{1,9}", which, re.ASCII) else "labels__name"
    return Q(**{COLUMNS["environment"]: name, f"environment_version__{column}": which})


def _text(term: Term, value: str, _user: User, _now: datetime) -> Q:
    lookup = "icontains" if term.op == ":" else "exact"
    return Q(**{f"{COLUMNS[term.field]}__{lookup}": value})


def _tag(_term: Term, value: str, _user: User, _now: datetime) -> Q:
    """A tag of this name, or one of this value: either may hold an equals sign itself."""
    condition = Q(tags__has_key=value)
    parts = value.split("=")
    for at in range(1, len(parts)):
        name, wanted = "=".join(parts[:at]), "=".join(parts[at:])
        # not `tags__NAME`, which would take a tag called "contains" for a lookup; and never NULL,
        # of which the opposite is NULL again
        known = Coalesce(KeyTextTransform(name, "tags"), Value(""), output_field=TextField())
        condition |= Q(tags__has_key=name) & Q(Exact(known, wanted))
    return condition


def _whole(term: Term, value: str, _user: User, _now: datetime) -> Q:
    return Q(**{f"{COLUMNS[term.field]}__{_LOOKUPS.get(term.op, 'exact')}": int(value)})


def _moment(term: Term, value: str, _user: User, now: datetime) -> Q:
    begin, end = moments(value, now) or (now, now)  # the parser let nothing else pass
    column = COLUMNS[term.field]
    conditions = {
        ">": Q(**{f"{column}__gte": end}),
        ">=": Q(**{f"{column}__gte": begin}),
        "<": Q(**{f"{column}__lt": begin}),
        "<=": Q(**{f"{column}__lt": end}),
    }
    within = Q(**{f"{column}__gte": begin, f"{column}__lt": end})
    return conditions.get(term.op, within)


def _long(term: Term, value: str, _user: User, _now: datetime) -> Q:
    return Q(**{f"length__{_LOOKUPS.get(term.op, 'exact')}": seconds(value) or 0})


def _keyed(term: Term) -> Q:
    """What holds if the run's metric or parameter of this name has any of the values."""
    fits = reduce(operator.or_, (_has_value(term, value) for value in term.values))
    mine = _named(term.field, term.key).filter(fits)
    if _is_negated(term):  # PostgreSQL joins with what does not exist, but not with NOT IN
        return Q(Exists(mine.filter(run=OuterRef("pk"))))
    return Q(pk__in=mine.values("run"))  # SQLite reads one range of an index, not one row a run


def _has_value(term: Term, value: str) -> Q:
    column = _KEYED[term.field][0]
    number = number_of(value)
    if term.op in COMPARISONS:
        return Q(**{f"{column}__{_LOOKUPS[term.op]}": number})
    if number is not None:
        return Q(**{column: number})
    return Q(text__iexact=value[:VALUE_LENGTH])


_FITS: dict[Kind, Callable[[Term, str, User, datetime], Q]] = {
    Kind.STATUS: _status,
    Kind.FLAG: _flag,
    Kind.NAME: _name,
    Kind.TEXT: _text,
    Kind.TAG: _tag,
    Kind.WHOLE: _whole,
    Kind.MOMENT: _moment,
    Kind.LENGTH: _long,
}
