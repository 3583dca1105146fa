"""What a task's folder says of its end, which its command may have written."""

from __future__ import annotations

import pytest

from compute.endings import read_exit, read_seal

SHA = "a" * 64


@pytest.mark.parametrize(
    "record",
    [
        {"status": {"exited": 3}, "reason": None, "error": None},
        {"status": {"signaled": 9}, "reason": "timed_out", "error": "It took long."},
        {"status": None, "reason": "keeper_lost", "error": None, "disk_free_bytes": 12},
    ],
)
def test_what_a_runner_writes_is_taken(record: dict[str, object]) -> None:
    assert read_exit({**record, "protocol": 1, "boot_id": "x"}) == record


@pytest.mark.parametrize(
    "record",
    [
        None, [1], "x", {"status": "x"}, {"status": {"exited": "0"}}, {"status": {"exited": True}},
        {"status": {"exited": 10**30}}, {"status": {"exited": -1}}, {"status": {"left": 0}},
        {"status": {"exited": 0, "signaled": 9}}, {"reason": ["x"]}, {"reason": "x" * 1000},
    ],
)  # fmt: skip
def test_what_is_no_end_is_as_if_nobody_had_seen_it(record: object) -> None:
    assert read_exit(record) is None


def test_a_text_is_cut_to_what_every_database_takes() -> None:
    record = {
        "status": None,
        "error": "a\0\ud800" + "x" * 9999,
        "ended_at": float("nan"),
        "started_at": 10**400,
    }
    assert read_exit(record) == {
        "status": None,
        "reason": None,
        "error": "a?" + "x" * 1997,
    }


def test_a_size_and_a_hash_are_taken_or_left() -> None:
    whole = {"sha256": SHA, "log_bytes": 5, "masked": 0}
    assert read_seal({**whole, "streams": {"run.log": 5}}) == whole
    assert read_seal({"sha256": SHA, "log_bytes": 5}) == whole  # as the first runners wrote it
    for wrong in ({"sha256": "x"}, {"log_bytes": -1}, {"log_bytes": "5"}, {"masked": [1]}):
        assert read_seal({**whole, **wrong}) is None
    assert read_seal([1]) is None
