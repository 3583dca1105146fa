"""How tasks ended, as their folders tell. A command may write there too: nothing is believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SHA = re.compile(r"[0-9a-f]{64}")
_MOST = 1 << 62
_WORD_LENGTH = 100
_TEXT_LENGTH = 2000
_NUMBERS = ("started_at", "ended_at", "disk_free_bytes")


def read_exit(record: object) -> dict[str, Any] | None:
    """What of an exited.json can be used; None, as if nobody had seen the end, when it is none."""
    if not isinstance(record, Mapping):
        return None
    status, reason, error = (record.get(name) for name in ("status", "reason", "error"))
    is_reason = reason is None or (isinstance(reason, str) and len(reason) <= _WORD_LENGTH)
    if not (is_reason and _is_status(status)):
        return None
    numbers = {name: record[name] for name in _NUMBERS if _is_number(record.get(name))}
    told = _storable(str(error)) if error is not None else None
    return {"status": status, "reason": reason, "error": told, **numbers}


def read_seal(record: object) -> dict[str, Any] | None:
    """Size and hash of a log by its sealed.json; None, as if nobody knew them, if it is none."""
    if not isinstance(record, Mapping):
        return None
    sha, size, masked = record.get("sha256"), record.get("log_bytes"), record.get("masked") or 0
    if isinstance(sha, str) and _SHA.fullmatch(sha) and _is_count(size) and _is_count(masked):
        return {"sha256": sha, "log_bytes": size, "masked": masked}
    return None


def _is_status(status: object) -> bool:
    if status is None:
        return True
    if not isinstance(status, Mapping) or len(status) != 1:
        return False
    ((how, number),) = status.items()
    return how in {"exited", "signaled"} and _is_count(number) and number < 1 << 31


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST


def _is_number(value: object) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and abs(value) < _MOST  # type: ignore[arg-type]  # which NaN is not either


def _storable(text: str) -> str:
    """Text that every database takes."""
    return text[:_TEXT_LENGTH].replace("\0", "").encode("utf-8", "replace").decode()
