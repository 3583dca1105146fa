"""What a look at a submission found, before it is sent: it warns and never forbids."""

from __future__ import annotations

from dataclasses import dataclass

GOOD, WARNING, UNKNOWN = "good", "warning", "unknown"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    about: str
    """In one word: files, size, syntax, imports, environment, data, target."""
    state: str
    """good, warning, or unknown: it could not be found out, or not in time."""
    sentence: str
    detail: str = ""
    """Lines as they stand in a file, with a caret below."""
    environment: str = ""
    """One that would mend it; empty: there is none."""
