"""Metric lines, chunks and summaries."""

from __future__ import annotations

import json
import math
import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.metrics import (
    CHUNK_POINTS,
    OUTLINE_POINTS,
    Point,
    Summary,
    outline_stride,
    pack,
    parse,
    unpack,
)
from studio.client.run_context import Run


def line(**fields: object) -> bytes:
    return json.dumps({"n": "loss", "v": 1.0, "s": None, "t": 10.0, **fields}).encode() + b"\n"


def points(*values: float | str) -> list[Point]:
    return [Point("loss", value, float(step), 0.0) for step, value in enumerate(values)]


def test_what_the_client_writes_is_read(tmp_path: Path) -> None:
    run = Run(str(tmp_path / "metrics.jsonl"))
    run.log("loss", 0.5)
    run.log("épocas", 3, step=7)
    run.log("ok", True)
    run.log("note", "first\nsecond")
    run.log("loss", math.nan, step=2.5)
    run.log("loss", -math.inf)
    parsed = parse((tmp_path / "metrics.jsonl").read_bytes())
    assert parsed.malformed == 0
    found = [(p.name, p.value, p.step) for p in parsed.points]
    assert found[:4] == [("loss", 0.5, None), ("épocas", 3.0, 7.0), ("ok", 1.0, None), found[3]]
    assert found[3] == ("note", "first\nsecond", None)
    assert math.isnan(float(found[4][1]))
    assert found[4][2] == 2.5
    assert found[5][1] == -math.inf
    assert all(point.time > 1e9 for point in parsed.points)


def test_threads_that_log_at_once_lose_nothing(tmp_path: Path) -> None:
    def log(name: str) -> None:
        for step in range(200):
            Run(str(tmp_path / "metrics.jsonl")).log(name, step, step)

    threads = [threading.Thread(target=log, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    parsed = parse((tmp_path / "metrics.jsonl").read_bytes())
    assert (len(parsed.points), parsed.malformed) == (800, 0)


@pytest.mark.parametrize(
    "bad",
    [
        b"{\n",
        b"nonsense\n",
        b"\xff\xfe\n",
        b"3\n",
        b"null\n",
        b'["n"]\n',
        b"{}\n",
        b"[" * 100_000 + b"\n",
        line(n=""),
        line(n=3),
        line(n="x" * 256),
        line(n="a\0b"),
        line(n="\ud800"),
        line(v=None),
        line(v=[1]),
        line(v={}),
        line(v="a\0b"),
        line(v="\udfff"),
        line(v=10**400),
        line(t=None),
        line(t="now"),
        line(t=math.nan),
    ],
)
def test_a_bad_line_is_counted_and_costs_no_other(bad: bytes) -> None:
    parsed = parse(line(v=1) + bad + line(v=2))
    assert [point.value for point in parsed.points] == [1.0, 2.0]
    assert parsed.malformed == 1


@pytest.mark.parametrize("step", [None, "first", [1], math.nan, math.inf, {}])
def test_a_step_that_is_none_does_not_cost_the_value(step: object) -> None:
    assert parse(line(s=step)).points == [Point("loss", 1.0, None, 10.0)]


def test_blank_lines_are_no_lines() -> None:
    parsed = parse(b"\n  \n\r\n" + line()[:-1])
    assert (len(parsed.points), parsed.malformed) == (1, 0)


floats = st.floats(allow_nan=False)


@given(st.lists(st.tuples(floats, floats, floats), max_size=50))
def test_packed_points_come_back(rows: list[tuple[float, float, float]]) -> None:
    packed = pack([Point("x", value, step, time) for step, time, value in rows])
    assert len(packed) == 24 * len(rows)
    assert unpack(packed) == rows


def test_nan_and_infinities_are_packed() -> None:
    values = [value for _, _, value in unpack(pack(points(math.nan, math.inf, -math.inf)))]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_a_point_without_a_step_has_its_place_as_one() -> None:
    packed = pack(
        [Point("x", 1.0, None, 5.0), Point("x", 2.0, 99.0, 6.0)], first_index=CHUNK_POINTS
    )
    assert unpack(packed) == [(4096.0, 5.0, 1.0), (99.0, 6.0, 2.0)]


def test_a_summary_of_nothing() -> None:
    assert Summary().fold([]) == Summary()
    assert Summary().last is None


def test_a_summary_grows_with_its_series() -> None:
    summary = Summary().fold(points(3.0, 1.0)).fold(points(2.0))
    outline = struct.pack("<fff", 3.0, 1.0, 2.0)
    assert summary == Summary(3, 2.0, 0.0, 1.0, 1.0, 3.0, 0.0, "", outline)


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), ("done", "done")]
)
def test_a_last_value_that_is_no_finite_number_is_named(value: float | str, text: str) -> None:
    summary = Summary().fold(points(1.0, 5.0, value))
    assert (summary.last, summary.text) == (None, text)
    assert (summary.minimum, summary.maximum) == (1.0, 5.0)
    assert summary.count == (3 if isinstance(value, float) else 2)
    assert summary.fold(points(4.0)).text == ""


@given(st.lists(st.lists(st.floats(), max_size=6), max_size=6))
def test_a_summary_does_not_depend_on_the_pieces(pieces: list[list[float]]) -> None:
    folded = Summary()
    everything: list[Point] = []
    for piece in pieces:
        folded = folded.fold(points(*piece))
        everything += points(*piece)
    assert folded == Summary().fold(everything)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_an_outline_is_every_so_many_th_value(before: int, more: int) -> None:
    values = [float(n) for n in range(before + more)]
    summary = Summary().fold(points(*values[:before])).fold(points(*values[before:]))
    outline = [value for (value,) in struct.iter_unpack("<f", summary.outline)]
    assert outline == values[:: outline_stride(len(values))]
    assert len(outline) <= OUTLINE_POINTS
    assert len(outline) > OUTLINE_POINTS // 2 or outline == values
