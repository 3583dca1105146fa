"""The log's receipt as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReceiptSentence:
    """What the receipt proves, and whether that is everything one could wish."""

    text: str
    is_whole: bool


def receipt_sentence(receipt: Mapping[str, Any] | None) -> ReceiptSentence | None:
    """Whether every byte that was written is stored; None before the log is sealed."""
    if not receipt or "complete" not in receipt:
        return None
    stored = f"{receipt['stored_bytes']:,} bytes"
    masked = receipt.get("masked") or 0
    places = "place is" if masked == 1 else "places are"
    hidden = f" {masked:,} secret {places} masked." if masked else ""
    if receipt["complete"]:
        text = f"Complete: {stored} written on the target, all stored, hashes equal.{hidden}"
    else:
        text = f"{stored} stored. {receipt['gap']}{hidden}"
    return ReceiptSentence(text, is_whole=receipt["complete"])
