"""Masking against the plainest reading of its rule, in any pieces, from any place it got to."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.runner.runner import Masker as RunnerMasker
from runs.masking import Masker


def naive(data: bytes, values: list[bytes]) -> tuple[bytes, int]:
    """Every byte that any occurrence of any value of at least 4 bytes covers, one by one."""
    covered = bytearray(len(data))
    for value in values:
        for start in range(len(data) - len(value) + 1) if len(value) >= 4 else ():
            if data.startswith(value, start):
                covered[start : start + len(value)] = b"x" * len(value)
    masked = bytes(ord("*") if hidden else byte for byte, hidden in zip(data, covered, strict=True))
    return masked, len(re.findall(b"x+", bytes(covered)))


few = st.text(alphabet="ab", max_size=12).map(str.encode)
texts = st.one_of(
    st.text(alphabet="ab", max_size=200).map(str.encode),
    st.lists(st.one_of(few, st.sampled_from([b"abab", b"aaaa", b"babb"])), max_size=30).map(
        b"".join
    ),
    st.tuples(few, st.integers(1, 60)).map(lambda pair: pair[0] * pair[1]),
)
values = st.lists(few, max_size=4)
cuts = st.lists(st.integers(0, 300), max_size=12)


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in at), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@settings(max_examples=500)
@given(data=texts, values=values, at=cuts)
def test_it_hides_what_the_plainest_reading_hides(
    data: bytes, values: list[bytes], at: list[int]
) -> None:
    masker = Masker(values)
    given_out = b"".join([masker.feed(piece) for piece in pieces(data, at)] + [masker.flush()])
    assert (given_out, masker.masked) == naive(data, values)


@settings(max_examples=500)
@given(data=texts, values=values, at=cuts)
def test_another_one_may_go_on_from_wherever_it_got_to(
    data: bytes, values: list[bytes], at: list[int]
) -> None:
    stored = b""
    for piece in pieces(data, at):
        masker = Masker(values)
        stored += masker.feed(data[len(stored) : len(stored) + len(piece) + 3])
    masker = Masker(values)
    stored += masker.feed(data[len(stored) :]) + masker.flush()
    assert stored == naive(data, values)[0]


@given(data=texts, values=values, at=cuts)
def test_little_is_held_back(data: bytes, values: list[bytes], at: list[int]) -> None:
    masker = Masker(values)
    sent = kept = 0
    for piece in pieces(data, at):
        sent += len(piece)
        kept += len(masker.feed(piece))
        assert 0 <= sent - kept < 2 * max([4, *map(len, values)])


@given(data=texts, values=st.lists(st.text(alphabet="ab", max_size=12), max_size=4))
def test_it_agrees_with_the_runner(data: bytes, values: list[str]) -> None:
    ours, theirs = Masker([value.encode() for value in values]), RunnerMasker(values)
    assert ours.feed(data) + ours.flush() == theirs.feed(data) + theirs.flush()
    assert ours.masked == theirs.masked


def test_short_values_are_left_alone() -> None:
    masker = Masker([b"", b"abc"])
    assert masker.feed(b"abc abc") == b"abc abc"
    assert masker.masked == 0


def test_ordinary_text_passes_at_once() -> None:
    masker = Masker([b"secret", b"token\nof two lines"])
    assert masker.feed(b"epoch 1\n") == b"epoch 1\n"
    assert masker.feed(b"a s") == b"a "
    assert masker.feed(b"e") == b""
    assert masker.feed(b"t\n") == b"set\n"


def test_a_secret_in_single_bytes_is_hidden() -> None:
    masker = Masker([b"secret"])
    given_out = [masker.feed(b"<secret>"[at : at + 1]) for at in range(8)]
    assert given_out == [b"<", b"", b"", b"", b"", b"", b"******", b">"]
    assert masker.masked == 1


@pytest.mark.parametrize("values", [[b"===="], [b"=-=-="], [b"====", b"=-=-=", b"ab" * 2000]])
def test_a_log_made_of_nothing_but_the_secret_is_no_work(values: list[bytes]) -> None:
    masker = Masker(values)
    piece = values[0][:2] * (1 << 19)
    given_out = sum(len(masker.feed(piece)) for _ in range(20)) + len(masker.flush())
    assert given_out == 20 << 20
    assert masker.masked == 1
