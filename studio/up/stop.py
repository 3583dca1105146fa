"""Ending a studio from outside: nothing of what it serves is loaded for that."""

from __future__ import annotations

from pathlib import Path

from studio.up.process import end_all, is_alive
from studio.up.record import read_record

_LEFTOVER_S = 2.0
_DOWN_S = 20.0


def end_leftovers(data_dir: Path) -> None:
    """End what a killed studio left behind: only what is provably ours."""
    record = read_record(data_dir)
    if record is not None:
        end_all(record.children.values(), patience_s=_LEFTOVER_S)


def stop_studio(data_dir: Path) -> bool:
    """End the studio that serves from `data_dir`; False when none does."""
    record = read_record(data_dir)
    if record is None:
        return False
    was_up = is_alive(record.supervisor)
    end_all([record.supervisor], patience_s=_DOWN_S)
    end_leftovers(data_dir)
    return was_up
