"""Which moves are lawful, and that each reason means one ending."""

from __future__ import annotations

import pytest

from runs.states import (
    ENDINGS,
    FINAL,
    HOLDS_SLOT,
    LIVE,
    MOVES,
    TAKEN_BACK,
    EndReason,
    Status,
    may_move,
)


def test_every_status_is_live_or_final() -> None:
    assert set(Status) == LIVE | FINAL
    assert not LIVE & FINAL


def test_nothing_leaves_a_final_status() -> None:
    assert not any(may_move(old, new) for old in FINAL for new in Status)


def test_only_a_cancel_is_taken_back_and_only_to_the_queue() -> None:
    assert TAKEN_BACK == {Status.CANCELED: Status.QUEUED}


def test_every_live_status_can_end_in_failure() -> None:
    for status in LIVE:
        assert may_move(status, Status.FAILED)


def test_a_command_that_ran_is_finalized_before_it_completes() -> None:
    assert [old for old in Status if may_move(old, Status.COMPLETED)] == [Status.FINALIZING]


def test_a_queued_run_holds_no_slot_and_all_later_live_ones_do() -> None:
    assert LIVE - {Status.QUEUED} == HOLDS_SLOT


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_reason_has_one_ending_with_a_sentence(reason: EndReason) -> None:
    ending = ENDINGS[reason]
    assert ending.status in FINAL
    assert ending.sentence.endswith(".")


@pytest.mark.parametrize("status", list(Status))
def test_the_table_of_moves_is_complete(status: Status) -> None:
    assert status in MOVES
