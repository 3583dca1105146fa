"""What stands out in a log, kept by this process so that only what was added is looked at."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from pathlib import Path

from runs.landmarks import Landmarks
from runs.stores import log_store

_LOGS = 64


class _Kept:
    """The landmarks of one log; one thread at a time brings them up to date."""

    def __init__(self) -> None:
        self.marks = Landmarks()
        self.turn = threading.Lock()


_lock = threading.Lock()
_kept: OrderedDict[Path, _Kept] = OrderedDict()


def landmarks_of(key: str, *, patience_s: float) -> tuple[Landmarks, bool]:
    """What stands out so far; false when there was no time to look through all of the log."""
    store, deadline = log_store(), time.monotonic() + patience_s
    place = store.path(key)
    with _lock:
        kept = _kept.setdefault(place, _Kept())
        _kept.move_to_end(place)
        if len(_kept) > _LOGS:
            _kept.popitem(last=False)
    with kept.turn:
        if store.size(key) < kept.marks.scanned:
            kept.marks = Landmarks()  # that log was deleted, and this is another one
        is_whole = kept.marks.extend(
            lambda at, n: store.read(key, at, n), until=lambda: time.monotonic() > deadline
        )
        return kept.marks, is_whole
