"""The log's receipt as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs.templatetags.runyard import size


@dataclass(frozen=True)
class ReceiptSentence:
    """What the receipt proves, and whether that is everything one could wish."""

    text: str
    is_whole: bool


def receipt_sentence(receipt: Mapping[str, Any] | None) -> ReceiptSentence | None:
    """Whether every byte that was written is stored; None before the log is sealed."""
    if not receipt or "complete" not in receipt:
        return None
    stored = f"{receipt['stored_bytes']:,} bytes ({size(receipt['stored_bytes'])})"
    masked = receipt.get("masked") or 0
    hidden = f" {masked:,} secret {'place is' if masked == 1 else 'places are'} masked." if masked else ""
    if receipt["complete"]:
        return ReceiptSentence(
            f"Complete: {stored} written on the target, all stored, hashes equal.{hidden}", True
        )
    gap = receipt.get("gap") or "the target could not confirm that this is everything."
    return ReceiptSentence(f"{stored} stored; {gap}{hidden}", False)
