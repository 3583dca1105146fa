"""What somebody wrote, as it can stand in a sentence."""

from __future__ import annotations


def short(text: str, most: int = 80) -> str:
    """On one line and of a length that still lets it be recognised."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"
