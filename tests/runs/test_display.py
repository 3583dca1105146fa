"""Rows of a log: what overwrites folds, numbers stay, a cluster is the same however it is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import clusters, display
from runs.clusters import CLUSTER, LogLines
from runs.landmarks import Kind
from runs.logs import LogStore


def shown(store: LogStore, data: bytes) -> list[tuple[int, int, str, int]]:
    """First line, last line, text and states of each row of a log with these bytes."""
    store.append("log", 0, data)
    lines = LogLines(store, "log")
    rows = [row for n in range(lines.cluster_count) for row in lines.cluster(n).rows]
    return [(row.number, row.last, row.html, row.states) for row in rows]


@pytest.fixture
def store(tmp_path: Path) -> LogStore:
    return LogStore(tmp_path)


def bars(updates: int, *, height: int = 1) -> bytes:
    """What tqdm prints for an outer bar and others below it."""
    down, up = b"\n" * height, b"\x1b[A" * height
    return b"\router" + b"".join(down + b"\rinner %d" % n + up for n in range(updates))


def test_a_carriage_return_takes_the_line_back(store: LogStore) -> None:
    data = b"".join(b"\r%d%%" % n for n in range(101)) + b"\nnext\n"
    assert shown(store, data) == [(1, 1, "100%", 101), (2, 2, "next", 1)]


def test_a_line_that_is_erased_is_empty(store: LogStore) -> None:
    assert shown(store, b"10%\r\x1b[2K\rdone\n") == [(1, 1, "done", 2)]


def test_several_bars_are_one_row_under_the_first_number(store: LogStore) -> None:
    data = b"begins\n" + bars(300) + b"\router done\n\rinner done\nafter\n"
    assert shown(store, data) == [
        (1, 1, "begins", 1),
        (2, 303, "outer done\ninner done", 303),
        (304, 304, "after", 1),
    ]


def test_three_bars_in_colour(store: LogStore) -> None:
    data = b"\x1b[31mone\x1b[0m\ntwo\nthree\x1b[2A\r\x1b[32mONE\x1b[0m\n\n\nend\n"
    assert shown(store, data) == [
        (1, 5, '<span class="a-f2">ONE</span>\ntwo\nthree', 4),
        (6, 6, "end", 1),
    ]


def test_a_bar_after_the_bars_is_a_row_of_its_own(store: LogStore) -> None:
    rows = shown(store, bars(3) + b"\n\rinner done\n\r1%\r2%\n")
    assert [(first, last) for first, last, _, _ in rows] == [(1, 5), (6, 6)]


def test_what_left_the_screen_is_not_overwritten(store: LogStore) -> None:
    data = b"".join(b"line %d\n" % n for n in range(100)) + b"\x1b[99A\rback\n"
    rows = shown(store, data)
    assert rows[49][:3] == (50, 50, "line 49")
    assert rows[50][:2] == (51, 101)
    assert rows[50][2].startswith("back\nline 51\n")


def test_a_row_ends_with_its_page(store: LogStore) -> None:
    rows = shown(store, bars(3 * display.PAGE) + b"\n")
    assert [row[:2] for row in rows] == [(1, 2000), (2001, 4000), (4001, 6000), (6001, 6001)]


def test_the_last_line_is_marked_while_it_has_no_newline(store: LogStore) -> None:
    store.append("log", 0, b"one\ntwo")
    cluster = LogLines(store, "log").cluster(0)
    assert [row.is_unfinished for row in cluster.rows] == [False, True]
    assert cluster.elements[1] == (
        '<span class="l" id="L2" data-n="2" data-unfinished>two\n</span>'
    )


def test_lines_that_say_so_are_marked(store: LogStore) -> None:
    store.append("log", 0, b"##[group]Install\nERROR no\n##[endgroup]\nplain\n")
    rows = LogLines(store, "log").cluster(0).rows
    assert [row.kind for row in rows] == [Kind.HEAD, Kind.ERROR, Kind.END, Kind.PLAIN]
    assert rows[0].html == "Install"


def test_each_state_can_be_told(store: LogStore) -> None:
    store.append("log", 0, b"x\n\x1b[31m1%\r2%\r\n" + bars(2))
    lines = LogLines(store, "log")
    assert lines.states(1) == ["x"]
    assert lines.states(2) == ['<span class="a-f1">1%</span>', '<span class="a-f1">2%</span>']
    assert [re.sub("<[^>]*>", "", state) for state in lines.states(3)] == [
        "outer", "inner 0", "inner 1",
    ]  # fmt: skip
    assert lines.states(99) == []


def test_a_giant_line_costs_little_memory(store: LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "LONG_LINE", 100)
    monkeypatch.setattr(clusters, "_PIECE_BYTES", 64)
    states = b"".join(b"\r%05d" % n for n in range(1000))
    rows = shown(store, b"before\n" + states + b"\nafter\n")
    assert [(first, html) for first, _, html, _ in rows] == [
        (1, "before"), (2, "00999"), (3, "after"),
    ]  # fmt: skip
    assert 900 < rows[1][3] <= 1000


@given(
    st.lists(
        st.sampled_from(
            [b"text", b"\n", b"\r", b"\x1b[A", b"\x1b[2A", b"\x1b[B", b"\x1b[31m", b"\x1b[K"]
        ),
        max_size=400,
    ),
    st.lists(st.integers(0, 400), max_size=3),
)
def test_what_is_final_never_differs_again(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], stops: list[int]
) -> None:
    """However a log grows: rows tile its lines, and a final cluster stays as it is."""
    store = LogStore(tmp_path_factory.mktemp("logs"))
    kept: dict[int, list[str]] = {}
    at = 0
    for stop in [*sorted(stops), len(pieces)]:
        store.append("log", store.size("log"), b"".join(pieces[at:stop]) * 3)
        at = max(at, stop)
        lines = LogLines(store, "log")
        made = [lines.cluster(n) for n in range(lines.cluster_count)]
        rows = [row for cluster in made for row in cluster.rows]
        assert [n for row in rows for n in range(row.number, row.last + 1)] == list(
            range(1, lines.total + 1)
        )
        for number, elements in kept.items():
            assert made[number].elements == elements
        kept |= {cluster.number: cluster.elements for cluster in made if cluster.is_final}
        tail = lines.tail()
        assert tail == made[len(made) - len(tail) :]


def test_a_full_cluster_is_final_fifty_lines_later(store: LogStore) -> None:
    store.append("log", 0, b"x\n" * (CLUSTER + display.REACH - 1))
    assert not LogLines(store, "log").cluster(0).is_final
    store.append("log", store.size("log"), b"x\n")
    assert LogLines(store, "log").cluster(0).is_final
    assert not LogLines(store, "log").cluster(1).is_final
    store.seal("log", size=None, sha256=None)
    assert LogLines(store, "log").cluster(1).is_final
