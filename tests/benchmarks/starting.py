"""A studio that is started again: how long, with how much work, in how much memory."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.benchmarks.rig import Rig, Row
from tests.studio_process import Studio

SETTLED_S = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")


def studio_start(rig: Rig) -> Iterator[Row]:
    """A second studio on a data directory of its own, which is migrated by then."""
    with Studio(rig.folder / "again", port=int(rig.studio.env["RUNYARD_PORT"]) + 100) as studio:
        studio.stop()
        began = time.perf_counter()
        studio.start()
        took = time.perf_counter() - began
        time.sleep(SETTLED_S)
        record = studio.record
        parts = [who.pid for who in (record.supervisor, *record.children.values())]
        yield Row("start of the studio, s", took, None, "< 5")
        yield Row("start of the studio, processor s", _processor_s(parts), None, "< 3")
        yield Row("a studio at rest, MB (PSS)", _memory_mb(parts), None, "")


def _processor_s(parts: Iterable[int]) -> float:
    lines = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in parts]
    return sum(int(ticks) for fields in lines for ticks in fields[11:15]) / _TICKS


def _memory_mb(parts: Iterable[int]) -> float:
    said = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in parts]
    found = [re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE) for text in said]
    return sum(int(each[1]) for each in found if each) / 1000
