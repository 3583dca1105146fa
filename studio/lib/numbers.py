"""Numbers in addresses and messages, which anybody may write."""

from __future__ import annotations

_DIGITS = 18
"""More than these fit into no column."""


def whole_number(text: str) -> int | None:
    """The number that these digits are; None when they are none, or too many.

    `str.isdigit` alone says yes to '²', which `int` refuses, as it does 5,000 digits.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
