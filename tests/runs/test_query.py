"""The language in which runs are asked for, as text: what it means, and what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.completing import Part, spot_at
from runs.query import (
    FIELDS,
    KEYED,
    MAX_LENGTH,
    MAX_TERMS,
    ORDERS,
    Order,
    Query,
    QueryError,
    Term,
    columns,
    moments,
    parse,
    seconds,
    term_text,
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
words = st.sampled_from(
    [
        "status:failed", "-status:live,queued", "metrics.r2>0.4", 'params."a b"!=x,"y,z"',
        "tag:a=b",
        "created>7d", "duration<=1h30m", '"free text"', "-word", "user:me", "is:archived", "id:4",
        "sort:-metrics.r2,name", 'name="x\\"y\\\\"', "created:2026-11-01", "STATUS:failed", "--x",
    ]
)  # fmt: skip
queries = st.lists(words, max_size=8).map(" ".join)
pieces = st.sampled_from(
    ["status", ":", '"', "metrics", ".", "r2", ">", "=", ",", "-", " ", "\\", "!"]
)
"""What texts are broken at."""


@given(queries)
def test_a_query_says_itself_again(text: str) -> None:
    query = parse(text)
    assert parse(str(query)) == query


@given(st.one_of(texts, st.lists(st.one_of(pieces, words, texts), max_size=12).map("".join)))
def test_whatever_is_written_is_read_or_refused_with_a_place(text: str) -> None:
    found = read(text)
    if isinstance(found, QueryError):
        assert 0 <= found.at <= len(text)
        assert found.sentence.endswith(".")
    else:
        assert parse(str(found)) == found


def read(text: str) -> Query | QueryError:
    """What comes of a text; any other exception is a mistake of ours."""
    try:
        return parse(text)
    except QueryError as error:
        return error


@given(texts.filter(bool), st.booleans())
def test_any_text_can_be_a_value(value: str, negated: bool) -> None:
    for name in ("experiment", "tag", "name"):
        term = Term(name, ":", (value, value), negated=negated)
        assert parse(str(term)).terms == (term,)
    assert parse(term_text("experiment", value)).terms[0].values == (value,)
    free = Term("", ":", (value,), negated=negated)
    assert parse(str(free)).terms == (free,)


@given(texts.filter(bool), st.booleans())
def test_any_text_can_be_the_name_of_a_metric(name: str, descending: bool) -> None:
    term = Term("metrics", ">", ("1",), key=name)
    order = Order("params", name, descending)
    assert parse(str(Query((term,), (order,)))) == Query((term,), (order,))
    assert list(columns(str(Order("metrics", name)) + ",status")) == [
        ("metrics", name),
        ("status", ""),
    ]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  ", []),
        ("status:failed,canceled", [Term("status", ":", ("failed", "canceled"))]),
        ("-tag:draft", [Term("tag", ":", ("draft",), negated=True)]),
        ("tag:seed=3", [Term("tag", ":", ("seed=3",))]),
        ("metrics.val/r2>=0.4", [Term("metrics", ">=", ("0.4",), key="val/r2")]),
        ('metrics."val loss"<1', [Term("metrics", "<", ("1",), key="val loss")]),
        ("params.lr!=0.1", [Term("params", "!=", ("0.1",), key="lr")]),
        ("two words", [Term("", ":", ("two",)), Term("", ":", ("words",))]),
        ('"two words"', [Term("", ":", ("two words",))]),
        ('"status:failed"', [Term("", ":", ("status:failed",))]),
        ("3>2", [Term("", ":", ("3>2",))]),
        ("-", [Term("", ":", ("-",))]),
    ],
)
def test_what_a_text_means(text: str, terms: list[Term]) -> None:
    assert list(parse(text).terms) == terms


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("a colour:red", 2, "no field 'colour'"),
        ("KeyError: x", 0, "put the word in quotes"),
        ("status:", 7, "A value is missing here"),
        ("status:failed,", 14, "A value is missing here"),
        ("status:asleep", 7, "'asleep' is no status: choose from live, ended, queued"),
        ("status:failed,x", 14, "'x' is no status"),
        ("status>failed", 7, "has no greater or less"),
        ('x "abc', 2, "never closed"),
        ('a"b"', 1, "A blank is missing here"),
        ("metrics>1", 0, "Say which one: metrics.NAME."),
        ("status.x:failed", 0, "nothing below it"),
        ("metrics.r2>good", 11, "'good' is no number"),
        ("created:7d", 8, "write created>7d"),
        ("created>soon", 8, "'soon' is no time"),
        ("created>2026-02-30", 8, "is no time"),
        ("duration>long", 9, "is no duration"),
        ("id:x", 3, "is no whole number"),
        ("is:deleted", 3, "choose from archived"),
        ("sort:colour", 5, "Runs cannot be sorted by 'colour'"),
        ("sort:metrics", 5, "Say which one"),
        ("-sort:name", 0, "The order is written"),
        ("x\0", 1, "cannot be looked for"),
        ("x" * (MAX_LENGTH + 1), MAX_LENGTH, "characters at most"),
        ("x " * (MAX_TERMS + 1), 0, "more than 50 things"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(text: str, at: int, words: str) -> None:
    with pytest.raises(QueryError) as found:
        parse(text)
    assert (found.value.at, words in found.value.sentence) == (at, True), found.value.sentence


def test_every_field_can_be_asked_for_and_sorted_by_if_it_is_said_so() -> None:
    assert set(ORDERS) < set(FIELDS)
    for name in ORDERS:
        assert parse(f"sort:-{name}").orders == (Order(name, descending=True),)
    for name in KEYED:
        assert parse(f"sort:{name}.x").orders == (Order(name, "x"),)


@pytest.mark.parametrize(
    ("text", "length"),
    [("90s", 90), ("5m", 300), ("5min", 300), ("1h30m", 5400), ("7d", 604800), ("1.5h", 5400),
     ("2w", 1209600), ("0s", 0), ("", None), ("5", None), ("h", None), ("-1h", None),
     ("99999999d", None), ("9" * 39 + "d", None)],
)  # fmt: skip
def test_lengths_of_time(text: str, length: float | None) -> None:
    assert seconds(text) == length


def test_moments_are_days_minutes_and_ages() -> None:
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    day = datetime(2026, 11, 1, tzinfo=UTC)
    assert moments("2026-11-01", now) == (day, day + timedelta(days=1))
    at = datetime(2026, 11, 1, 14, 30, tzinfo=UTC)
    assert moments("2026-11-01T14:30", now) == (at, at + timedelta(minutes=1))
    assert moments("7d", now) == (now - timedelta(days=7),) * 2
    assert moments("9999-12-31", now) is None


@pytest.mark.parametrize(
    ("text", "part", "field", "typed", "replaced"),
    [
        ("|", Part.FIELD, "", "", ""),
        ("sta|", Part.FIELD, "", "sta", "sta"),
        ("a -sta|", Part.FIELD, "", "sta", "sta"),
        ("status:fai|", Part.VALUE, "status", "fai", "fai"),
        ("status:failed,ca| x", Part.VALUE, "status", "ca", "ca"),
        ("status:fa|il,x", Part.VALUE, "status", "fa", "fail"),
        ('experiment:"other o|', Part.VALUE, "experiment", "other o", '"other o'),
        ("metrics.r|", Part.KEY, "metrics", "r", "r"),
        ("metrics.r|2>1", Part.KEY, "metrics", "r", "r2"),
        ('metrics."val l|', Part.KEY, "metrics", "val l", '"val l'),
        ("params.lr=0|", Part.VALUE, "params", "0", "0"),
        ("sort:-cre|", Part.ORDER, "sort", "-cre", "-cre"),
        ("sort:name,|", Part.ORDER, "sort", "", ""),
        ("status:failed |", Part.FIELD, "", "", ""),
        ("a | b", Part.FIELD, "", "", ""),
    ],
)
def test_what_is_being_written(
    text: str, part: Part, field: str, typed: str, replaced: str
) -> None:
    at = text.index("|")
    whole = text.replace("|", "")
    spot = spot_at(whole, at)
    assert (spot.part, spot.field, spot.typed) == (part, field, typed)
    assert whole[spot.start : spot.end] == replaced


@given(texts, st.integers(-5, 40))
def test_any_text_has_a_spot(text: str, at: int) -> None:
    spot = spot_at(text, at)
    assert 0 <= spot.start <= spot.end <= len(text)
