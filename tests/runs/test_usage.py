"""Samples as columns, lanes and small curves."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from runs.sparks import corners
from runs.usage import Lane, Samples, Usage


def lines(*samples: dict[str, Any]) -> list[bytes]:
    return [json.dumps(sample).encode() for sample in samples]


def read_usage(lines: list[bytes]) -> Usage:
    samples = Samples()
    for line in lines:
        samples.add([line])
    return samples.usage()


def lanes(samples: list[bytes], **facts: Any) -> dict[str, Lane]:
    return {lane.title: lane for lane in read_usage(samples).lanes(facts)}


def test_what_was_never_sampled_has_no_lane() -> None:
    assert lanes([]) == {}
    found = lanes(lines({"t": 1.0, "cpu_percent": 50.0}))
    assert list(found) == ["CPU"]
    assert found["CPU"].limit is None


def test_totals_become_rates_and_never_fall_below_zero() -> None:
    totals = ((1.0, 0), (3.0, 100), (3.0, 200), (4.0, 50))
    found = lanes(lines(*({"t": t, "read_bytes": n} for t, n in totals)))
    (read,) = found["Disk"].lines
    assert np.array_equal(read.values, [np.nan, 50.0, np.nan, 0.0], equal_nan=True)


def test_each_gpu_is_a_line_also_when_it_comes_late() -> None:
    one = {"index": 0, "util": 10.0, "mem_bytes": 5}
    two = {"index": 3, "util": 90.0, "mem_bytes": 7}
    samples = lines({"t": 1}, {"t": 2, "gpus": [one]}, {"t": 3, "gpus": [two, one]})
    found = lanes(samples, gpus=[{"memory_bytes": 80}, {"memory_bytes": None}], cores=2)
    assert [line.label for line in found["GPU use"].lines] == ["GPU 0", "GPU 3"]
    first, late = (line.values for line in found["GPU memory"].lines)
    assert np.array_equal(first, [np.nan, 5, 5], equal_nan=True)
    assert np.array_equal(late, [np.nan, np.nan, 7], equal_nan=True)
    assert (found["GPU use"].limit, found["GPU memory"].limit) == (100, 80)


@pytest.mark.parametrize(
    "torn", [
        b"", b'{"t": 1, "cpu', b"[]", b"3", b"{}", b'{"t": null}', b'{"t": NaN}',
        b'{"t": 1, "gpus": 3}', b'{"t": 1, "gpus": [{"index": 1e999}]}',
        b'{"t": 1, "rss_bytes": [1]}',
    ],
)  # fmt: skip
def test_a_torn_sample_costs_no_other(torn: bytes) -> None:
    good = lines({"t": 1.0, "cpu_percent": 1.0})
    assert list(read_usage([*good, torn]).times) == [1.0]


def test_a_small_curve_keeps_its_peak() -> None:
    x = np.arange(10_000.0)
    y = np.where(x == 5_000, 9.0, 1.0)
    points = [
        tuple(map(float, pair.split(","))) for pair in corners(x, y, width=60, height=20).split()
    ]
    assert len(points) <= 31
    assert points[0][0] == 0
    assert points[-1][0] == 60
    assert min(down for _, down in points) == 2  # the peak is at the top
    assert sum(down == 18 for _, down in points) == len(points) - 1


def test_a_small_curve_of_nothing_is_empty() -> None:
    nan = float("nan")
    assert corners(np.array([1.0, 2.0]), np.array([nan, 1.0]), width=60, height=20) == ""
    flat = corners(np.array([1.0, 1.0]), np.array([3.0, 3.0]), width=60, height=20)
    assert flat == "0.0,18.0 0.0,18.0"
