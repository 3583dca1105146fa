"""When lines were written, from the target's notes."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from runs.logtimes import LogTimes


def times(*notes: tuple[int, float]) -> LogTimes:
    data = b"".join(struct.pack("<Qd", *note) for note in notes) + b"torn"
    return LogTimes(lambda at, n: data[at : at + n], len(data))


def test_a_byte_was_written_by_the_first_note_behind_it() -> None:
    found = times((10, 1.0), (20, 2.0)).at([0, 9, 10, 19, 20])
    assert found == [1.0, 1.0, 2.0, 2.0, None]


def test_without_notes_nothing_is_known() -> None:
    none = times()
    assert (none.at([0]), none.at([]), none.reach, none.start) == ([None], [], 0, 0.0)


@given(st.lists(st.integers(1, 50), max_size=60), st.lists(st.integers(0, 1500), max_size=20))
def test_searching_finds_what_reading_all_does(steps: list[int], offsets: list[int]) -> None:
    notes = [(sum(steps[: n + 1]), float(n)) for n in range(len(steps))]
    offsets.sort()
    expected = [next((at for size, at in notes if size > o), None) for o in offsets]
    assert times(*notes).at(offsets) == expected
