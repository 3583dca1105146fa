"""Reading what the processes of runs used."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from runs.models import Run
from runs.selectors.runs import run_attempt
from runs.series import Window, cut, written
from runs.stores import log_store
from runs.usage import Lane, Samples, Usage


def usage_version(*, run: Run) -> str:
    """Changes whenever there is a sample more."""
    key = _key(run)
    return f"{key}.{log_store().size(key)}"


def run_usage(*, run: Run) -> Usage:
    """All samples of the newest attempt."""
    return _growing(settings.DATA_DIR, _key(run)).usage()


def lane_cuts(*, run: Run, window: Window) -> dict[str, Any]:
    """What charts of resources show; `x` are seconds since `origin`, and one for all lanes."""
    usage = run_usage(run=run)
    origin = (run.started_at or run.created_at).timestamp()
    times = usage.times - origin
    return {
        "origin": origin,
        "count": len(times),
        "lanes": [_cut_lane(lane, times, window) for lane in usage.lanes(run.target.facts)],
    }


def _cut_lane(lane: Lane, times: Any, window: Window) -> dict[str, Any]:
    cuts = [written(cut(times, line.values, window)) for line in lane.lines]
    return {
        "title": lane.title,
        "unit": lane.unit,
        "limit": lane.limit,
        "x": cuts[0]["x"],
        "lines": [
            {"label": line.label, "values": found.get("mean", found["last"])}
            for line, found in zip(lane.lines, cuts, strict=True)
        ],
        "least": cuts[0].get("min") if len(cuts) == 1 else None,
        "most": cuts[0].get("max") if len(cuts) == 1 else None,
    }


def _key(run: Run) -> str:
    return f"{run_attempt(run=run).task}/samples.jsonl"


class _Growing:
    """The samples of one attempt; when there are more, only those are read."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._samples = Samples()
        self._offset = 0
        self._lock = threading.Lock()

    def usage(self) -> Usage:
        """All samples that are stored now."""
        store = log_store()
        with self._lock:
            data = store.read(self._key, self._offset, store.size(self._key) - self._offset)
            whole = data[: data.rfind(b"\n") + 1]
            self._samples.add(whole.splitlines())
            self._offset += len(whole)
            return self._samples.usage()


@lru_cache(maxsize=8)  # for all who look at one run
def _growing(data_dir: Path, key: str) -> _Growing:
    return _Growing(key)
