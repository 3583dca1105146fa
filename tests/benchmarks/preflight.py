"""The look at imports before a run, against the largest lock there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from tests.benchmarks.rig import FILES, Rig, Row

ROUNDS = 10
IMPORTS = "import numpy, torch, transformers, datasets, xgboost\n"


def preflight(rig: Rig) -> Iterator[Row]:
    """Over REST: a folder of many modules, of which one package is missing; first and repeated."""
    script = rig.source / "needs.py"
    script.write_text(IMPORTS + "".join(f"import package_{n}.module_{n}\n" for n in range(20)))
    body = {"source": {"folder": str(rig.source)}, "script": "needs.py", "environment": "nlp"}
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        answer = rig.studio.api("/runs/preflight", body)
        times.append(time.perf_counter() - began)
        said = [finding["sentence"] for finding in answer["findings"]]
        assert any("nlp lacks xgboost, needs.py line 1" in sentence for sentence in said), said
    script.unlink()
    what = f"imports of {FILES} files against a large lock, s"
    yield Row(f"{what} (first)", times[0], None, "< 2")
    yield Row(f"{what} (median)", median(times[1:]), None, "< 2")
