"""Lengths of time in words."""

from __future__ import annotations

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def span_text(seconds: float) -> str:
    """Seconds in at most two units: "40 s", "1 min 20 s", "2 h"; at least a second."""
    whole = max(1, round(seconds))
    at = next(n for n, (size, _) in enumerate(_UNITS) if whole >= size)
    size, unit = _UNITS[at]
    first = f"{whole // size} {unit}"
    if at + 1 == len(_UNITS):
        return first
    below, below_unit = _UNITS[at + 1]
    rest = whole % size // below
    return f"{first} {rest} {below_unit}" if rest else first
