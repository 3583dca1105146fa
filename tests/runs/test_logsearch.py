"""Searching a log: every line that reads so, no other, and never for ever."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import logsearch
from runs.logsearch import BadPattern, Query, TooSlow, search


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run.log"
    path.write_bytes(
        b"Epoch \x1b[1m1\x1b[0m of 2\nloss 0.5\r loss 0.25\n\xc3\x84rger\nepoch 2 of 2\nlast"
    )
    return path


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        (Query("epoch"), [1, 4]),
        (Query("epoch", with_case=True), [4]),
        (Query("Epoch 1 of"), [1]),
        (Query("0.5"), [2]),
        (Query("1 of 2\nloss"), []),
        (Query("ärger"), [3]),
        (Query("last"), [5]),
        (Query(r"^epoch \d of 2$", is_regex=True), [1, 4]),
        (Query(r"^epoch\s+\d", is_regex=True, with_case=True), [4]),
        (Query(r"2\s", is_regex=True), [4]),
        (Query(r"[^x]\Z", is_regex=True), [1, 2, 3, 4, 5]),
        (Query(r"", is_regex=True), []),
        (Query(r"x*", is_regex=True), [1, 2, 3, 4, 5]),
        (Query(r"of(?= 2)", is_regex=True), [1, 4]),
    ],
)
def test_lines_that_match(log: Path, query: Query, lines: list[int]) -> None:
    assert search(log, query).tolist() == lines


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert search(tmp_path / "none", Query("x")).tolist() == []


def test_a_broken_pattern_is_refused(log: Path) -> None:
    with pytest.raises(BadPattern, match="unterminated"):
        search(log, Query("(", is_regex=True))
    assert search(log, Query("(")).tolist() == []


def test_a_pattern_without_end_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"a" * 60 + b"\n")
    began = time.monotonic()
    with pytest.raises(TooSlow):
        search(path, Query("(a+)+$x", is_regex=True), patience_s=0.5)
    assert time.monotonic() - began < 5


def test_two_processes_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(1, 3001)))
    expected = [n for n in range(1, 3001) if "7" in str(n)]
    alone = list(logsearch._matching(path, Query("7")))
    monkeypatch.setattr(logsearch, "_MANY_BYTES", 1)
    monkeypatch.setattr(logsearch.os, "cpu_count", lambda: 2)
    together = list(logsearch._matching(path, Query("7")))
    assert [n + 1 for n in together] == [n + 1 for n in alone] == expected


PATTERNS = ["a", "A", "b+", r"^a", r"b$", r"a.b", r"\bab", "[a-b]c", "[^a]", r"a\s", "a|C", r"\Sb"]


@given(
    st.lists(st.text("aAbBcC 1\t", max_size=8), max_size=20),
    st.sampled_from(PATTERNS),
    st.booleans(),
    st.booleans(),
    st.integers(1, 40),
)
def test_it_is_what_looking_line_by_line_finds(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    pattern: str,
    is_regex: bool,
    with_case: bool,
    piece: int,
) -> None:
    path = tmp_path_factory.mktemp("search") / "log"
    path.write_text("".join(f"{line}\n" for line in lines))
    flags = 0 if with_case else re.IGNORECASE
    wanted = re.compile(pattern if is_regex else re.escape(pattern), flags)
    before = logsearch._PIECE_BYTES
    logsearch._PIECE_BYTES = piece
    try:
        found = list(logsearch._matching(path, Query(pattern, is_regex, with_case)))
    finally:
        logsearch._PIECE_BYTES = before
    assert found == [n for n, line in enumerate(lines) if wanted.search(line)]
