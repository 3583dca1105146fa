"""Reading what the processes of runs used."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from runs.models import Run
from runs.selectors.runs import run_attempt
from runs.series import Window, cut, written
from runs.stores import log_store
from runs.usage import Lane, Usage, read_usage


def usage_version(*, run: Run) -> str:
    """Changes whenever there is a sample more."""
    key = _key(run)
    return f"{key}.{log_store().size(key)}"


def run_usage(*, run: Run) -> Usage:
    """All samples of the newest attempt."""
    key = _key(run)
    return _usage(settings.DATA_DIR, key, log_store().size(key))


def run_lanes(*, run: Run) -> list[Lane]:
    """Its samples by what is drawn together, with what the target has of it."""
    return run_usage(run=run).lanes(run.target.facts)


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


@lru_cache(maxsize=8)  # one sample more makes it new: several who look at one run share it
def _usage(data_dir: Path, key: str, size: int) -> Usage:
    return read_usage(log_store().read(key, 0, size).splitlines())
