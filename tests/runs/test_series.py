"""Series cut into buckets: nothing that matters is lost, and what grows does not shift."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.series import Cut, Seen, Window, bucket_start, cut, cut_tail, unpacked, written

numbers = st.floats(-1e9, 1e9)
values = st.one_of(numbers, st.sampled_from([math.nan, math.inf, -math.inf]))
points = st.lists(st.tuples(st.integers(0, 400), values), min_size=1, max_size=300)
columns = st.integers(2, 40)


def arrays(rows: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """In the order in which they were logged."""
    return np.array([float(x) for x, _ in rows]), np.array([v for _, v in rows])


def naive(rows: list[tuple[int, float]], width: float) -> dict[float, list[float]]:
    """The values of each bucket, by its border."""
    found: dict[float, list[float]] = {}
    for x, value in sorted(rows, key=lambda row: row[0]):
        found.setdefault(bucket_start(x, width), []).append(value)
    return found


@settings(deadline=None, max_examples=60)
@given(points, columns)
def test_buckets_say_what_their_points_say(rows: list[tuple[int, float]], columns: int) -> None:
    found = cut(*arrays(rows), Window(columns))
    if found.is_whole:
        assert len(found.x) == len(rows) <= 2 * columns
        return
    assert len(found.x) <= columns + 1
    assert math.log2(found.width).is_integer()
    expected = naive(rows, found.width)
    assert [bucket_start(x, found.width) for x in found.x] == sorted(expected)
    for at, border in enumerate(sorted(expected)):
        inside = expected[border]
        finite = [value for value in inside if math.isfinite(value)]
        if not finite:
            assert np.isnan([found.least[at], found.most[at], found.mean[at]]).all()
            continue
        assert (found.least[at], found.most[at]) == (min(finite), max(finite))
        assert found.mean[at] == pytest.approx(sum(finite) / len(finite), abs=1e-3)
        last = inside[-1]
        assert found.last[at] == last if math.isfinite(last) else math.isnan(found.last[at])
    assert found.odd_count == sum(not math.isfinite(value) for _, value in rows)


@settings(deadline=None, max_examples=60)
@given(points, columns, st.integers(0, 400), st.integers(0, 400))
def test_a_window_holds_its_points_and_one_neighbour_on_each_side(
    rows: list[tuple[int, float]], columns: int, one: int, other: int
) -> None:
    start, end = sorted((one, other))
    found = cut(*arrays(rows), Window(columns, start, end))
    inside = sorted(x for x, _ in rows if start <= x <= end)
    before = [x for x, _ in rows if x < start]
    behind = [x for x, _ in rows if x > end]
    if found.is_whole:
        around = [max(before)] if before else []
        assert list(found.x) == around + inside + ([min(behind)] if behind else [])
    else:
        assert len(inside) > 2 * columns
        assert len([x for x in found.x if start <= x <= end]) <= columns + 1
        assert found.x[0] <= inside[0]
        assert found.x[-1] >= bucket_start(inside[-1], found.width)


def test_zooming_in_shows_every_point() -> None:
    x = np.arange(10_000.0)
    assert cut(x, x, Window(100)).width == 128
    near = cut(x, x, Window(100, 5_000, 5_150))
    assert near.is_whole
    assert list(near.last) == list(range(4_999, 5_152))


def test_a_bucket_says_the_same_through_every_window() -> None:
    x = np.arange(5_000.0)
    y = np.sin(x / 50)
    one, other = (cut(x, y, Window(50, start, start + 1_500)) for start in (1_003, 1_017))
    assert one.width == other.width == 32
    shared = sorted(set(one.x) & set(other.x))[1:-1]
    assert len(shared) > 40
    for place in shared:
        a, b = int(np.searchsorted(one.x, place)), int(np.searchsorted(other.x, place))
        assert (one.least[a], one.mean[a]) == (other.least[b], other.mean[b])


@settings(deadline=None, max_examples=60)
@given(points, st.lists(st.tuples(st.integers(0, 900), values), max_size=60), columns)
def test_what_a_page_lacks_makes_the_same_as_all_of_it_anew(
    rows: list[tuple[int, float]], more: list[tuple[int, float]], columns: int
) -> None:
    window = Window(columns)
    before, after = cut(*arrays(rows), window), cut(*arrays(rows + more), window)
    seen = Seen(len(rows), before.width, before.x[0], before.x[-1])
    tail = cut_tail(*arrays(rows + more), window, seen, 0)
    if tail is None:
        return
    kept = np.ones(len(before.x), bool) if tail.is_whole else before.x < tail.x[0]
    for part in ("x", "least", "most", "mean", "last"):
        put_together = np.concatenate([getattr(before, part)[kept], getattr(tail, part)])
        assert np.array_equal(put_together, getattr(after, part), equal_nan=True)
    assert before.odd_count + tail.odd_count == after.odd_count


def grown(count: int, seen_count: int, *, skipped: int, columns: int = 100) -> Cut | None:
    """What comes to a page of a series whose steps just count up."""
    x = np.arange(float(count))
    before = cut(x[:seen_count], x[:seen_count], Window(columns))
    seen = Seen(seen_count, before.width, before.x[0], before.x[-1])
    return cut_tail(x[skipped:], x[skipped:], Window(columns), seen, skipped)


def test_the_tail_is_short_and_needs_only_the_end_of_the_series() -> None:
    tail = grown(10_100, 10_000, skipped=9_000)
    assert tail is not None
    assert list(tail.x) == [9_984]
    assert grown(10_100, 10_000, skipped=9_990) is None  # the last bucket begins before that
    assert grown(20_000, 10_000, skipped=9_000) is None  # so many need wider buckets


def test_steps_that_go_back_ask_for_all_anew() -> None:
    x = np.array([0.0, 1.0, 2.0, 1.0])
    assert cut_tail(x, x, Window(100), Seen(3, 0.0, 0.0, 2.0), 0) is None


def test_a_logarithmic_axis_has_even_columns() -> None:
    x = np.arange(100_000.0)
    found = cut(x, x, Window(200, is_log=True))
    assert found.x[0] == 1
    assert len(found.x) <= 201
    assert np.count_nonzero(found.x < 1_000) > 60


@pytest.mark.parametrize(
    "x", [[5.0] * 50, [-1e308] * 25 + [1e308] * 25, [5e-324 * n for n in range(50)]]
)
def test_strange_places_are_places(x: list[float]) -> None:
    found = cut(np.array(x), np.arange(50.0), Window(16))
    assert (found.least.min(), found.most.max()) == (0, 49)


def test_huge_values_have_a_mean() -> None:
    found = cut(np.zeros(100), np.full(100, 1.7e308), Window(16))
    assert list(found.mean) == [1.7e308]


def test_nothing_is_cut_into_nothing() -> None:
    empty = unpacked(b"")
    assert written(cut(empty[:, 0], empty[:, 2], Window(16)))["x"] == []


def test_json_has_whole_steps_and_null_for_what_is_not_finite() -> None:
    said = written(cut(np.array([0.0, 1.0]), np.array([math.nan, 0.5]), Window(16)))
    assert said == {"width": 0.0, "x": [0, 1], "last": [None, 0.5], "odd": [0], "odd_count": 1}
