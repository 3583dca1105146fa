"""Errors and groups: found where they stand, and the same however the log arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import landmarks
from runs.landmarks import Kind, Landmarks, line_kind

ERRORS = (
    b"Traceback (most recent call last):",
    b"ValueError: no",
    b"torch.cuda.OutOfMemoryError: CUDA out of memory",
    b"12:00:01 ERROR could not",
    b"[ERROR] no",
    b"\x1b[31mERROR\x1b[0m no",
    b"error: no such file",
    b"main.c:3:5: error: expected ';'",
    b"fatal: not a git repository",
    b"##[error]no",
    b"2026-11-27 CRITICAL stop",
)
PLAIN = (
    b"",
    b"0 errors",
    b"mean error 0.3",
    b"train_error=0.2",
    b"ERROR=0.1",
    b"no errors were found",
    b"TerrorError handling is on",
    b"MeanSquaredError()",
    b"mirror: done",
    b"x" * 500 + b" ERROR far behind",
    b"--- a/train.py",
    b"---",
)


@pytest.mark.parametrize("line", ERRORS)
def test_a_line_that_tells_of_an_error(line: bytes) -> None:
    assert line_kind(line) is Kind.ERROR


@pytest.mark.parametrize("line", PLAIN)
def test_a_line_that_does_not(line: bytes) -> None:
    assert line_kind(line) is Kind.PLAIN


def found(data: bytes) -> Landmarks:
    marks = Landmarks()
    assert marks.extend(lambda at, n: data[at : at + n], until=lambda: False)
    return marks


def test_a_traceback_is_one_error() -> None:
    data = b"ok\nTraceback (most recent call last):\n  File x\nKeyError: 'a'\nValueError: b\n"
    marks = found(data)
    assert (marks.errors, marks.error_lines) == (2, [2, 5])


def test_groups_end_where_they_say_or_where_the_next_begins() -> None:
    data = (
        b"##[group]One\nValueError: x\n##[endgroup]\nbetween\n::group::Two\n~~~ Three\nx\n"
        b"\x1b[1m+++ Four\x1b[0m\n"
    )
    groups = [(g.head, g.last, g.title, g.errors) for g in found(data).groups]
    assert groups == [(1, 3, "One", 1), (5, 5, "Two", 0), (6, 7, "Three", 0), (8, 0, "Four", 0)]


def test_the_head_of_a_diff_is_no_group() -> None:
    assert found(b"--- train.py\n+++ train.py\n-x\n--- a/x\n+++ b/x\n").groups == []


def test_it_stops_when_it_is_told_to_and_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmarks, "_PIECE_BYTES", 16)
    data = b"ERROR one\n" * 10
    marks = Landmarks()
    assert not marks.extend(lambda at, n: data[at : at + n], until=lambda: True)
    assert marks.errors == 1
    assert marks.extend(lambda at, n: data[at : at + n], until=lambda: False)
    assert marks.error_lines == list(range(1, 11))


@given(
    st.lists(st.sampled_from([*ERRORS, *PLAIN, b"--- Head", b"##[group]g", b"##[endgroup]"])),
    st.integers(1, 200),
)
def test_pieces_do_not_matter(lines: list[bytes], piece: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    marks = Landmarks()
    for end in [*range(0, len(data), piece), len(data)]:
        marks.extend(lambda at, n, end=end: data[at : min(end, at + n)], until=lambda: False)  # type: ignore[misc]
    assert marks == found(data)
    assert marks.lines == len(lines)
