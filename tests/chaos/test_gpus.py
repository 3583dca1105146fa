"""Forty runs that share four declared GPUs through two workers, all of it killed in between."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.studio_process import Studio
from tests.waiting import eventually

pytestmark = pytest.mark.chaos

GPUS = ("2", "3", "5", "7")
CROWD = 40
HOLD = """
import json, os, pathlib, sys, time
here, pause = pathlib.Path(sys.argv[1]), float(sys.argv[2])
seen = {"gpus": os.environ["CUDA_VISIBLE_DEVICES"], "began": time.monotonic()}
time.sleep(pause)
seen["ended"] = time.monotonic()
(here / os.environ["RUNYARD_RUN"]).write_text(json.dumps(seen))
"""


@pytest.fixture
def studio(shared_studio: Studio) -> Iterator[Studio]:
    """What is killed comes back; the GPUs of its target are declared by each test."""
    before = shared_studio.api("/targets/local")
    yield shared_studio
    kept = {"gpus": before["gpus_declared"], "slots": before["slots"]}
    shared_studio.api("/targets/local", kept, method="PATCH")


def submit(studio: Studio, digest: str, marks: Path, gpus: object, pause: float) -> int:
    body = {
        "source": {"snapshot": digest},
        "script": "hold.py",
        "arguments": [str(marks), str(pause)],
        "environment": "here",
        "gpus": gpus,
    }
    return int(studio.api("/runs", body)["id"])


def test_no_gpu_is_lent_twice_whatever_is_killed(
    studio: Studio, scripts: Path, tmp_path: Path
) -> None:
    (scripts / "hold.py").write_text(HOLD)
    marks = tmp_path / "marks"
    marks.mkdir()
    studio.api("/targets/local", {"gpus": ",".join(GPUS), "slots": 8}, method="PATCH")
    first = studio.submit(
        scripts, "--environment", "here", "--gpus", "all", "hold.py", str(marks), "0"
    )
    digest = studio.finished(first)["snapshot"]
    runs = {submit(studio, digest, marks, 1 + n % 2, 0.3): 1 + n % 2 for n in range(CROWD)}
    plain = submit(studio, digest, marks, 0, 0)
    stuck = submit(studio, digest, marks, 4, 600)
    studio.api(f"/runs/{stuck}/cancel", {})

    eventually(lambda: len(list(marks.iterdir())) > CROWD // 4, timeout_s=60, what="a quarter")
    studio.kill()
    studio.start()
    for part in ("worker-1", "monitor", "worker-2"):
        studio.kill_part(part)

    def lent_to_live_runs_only() -> bool:
        lent = studio.api("/targets/local")["gpus_lent"]
        assert set(lent) <= set(GPUS), lent
        return studio.api("/runs?filter=status:live")["total"] == 0

    eventually(lent_to_live_runs_only, timeout_s=90, what="all to end")
    assert {studio.run(run)["status"] for run in (*runs, plain)} == {"completed"}
    assert studio.api("/targets/local")["gpus_lent"] == {}

    seen = {int(path.name): json.loads(path.read_text()) for path in marks.iterdir()}
    assert set(seen) == {first, plain, *runs}
    assert seen[plain]["gpus"] == ""
    assert seen[first]["gpus"] == ",".join(GPUS)
    held = defaultdict(list)
    for run, asked in runs.items():
        gpus = seen[run]["gpus"].split(",")
        assert gpus == studio.run(run)["gpus_lent"], run
        assert len(set(gpus)) == len(gpus) == asked
        for gpu in gpus:
            held[gpu].append((seen[run]["began"], seen[run]["ended"], run))
    assert set(held) == set(GPUS)
    for gpu, times in held.items():
        times.sort()
        for (_, ended, one), (began, _, other) in pairwise(times):
            assert ended <= began, f"GPU {gpu} was with runs {one} and {other} at once"


def test_a_cancel_gives_the_gpus_to_the_next(studio: Studio, scripts: Path, tmp_path: Path) -> None:
    (scripts / "hold.py").write_text(HOLD)
    studio.api("/targets/local", {"gpus": "0,1"}, method="PATCH")
    words = ("--environment", "here", "--gpus", "2", "hold.py", str(tmp_path))
    holder = studio.submit(scripts, *words, "600")
    eventually(lambda: studio.run(holder)["status"] == "running", timeout_s=30, what="it runs")
    following = studio.submit(scripts, *words, "0")
    waits = f"0 of 2 GPUs are free, this run needs 2; run {holder} has GPUs 0 and 1."
    eventually(lambda: studio.run(following)["waiting"].endswith(waits), what="the reason")
    refused = studio.cli("submit", "--source", str(scripts), "--gpus", "3", "hold.py")
    assert refused.code == 1
    assert b"local has 2 GPUs and the run asks for 3" in refused.stderr
    studio.kill()
    studio.start()
    assert studio.api("/targets/local")["gpus_lent"] == {"0": holder, "1": holder}
    studio.api(f"/runs/{holder}/cancel", {})
    assert studio.finished(following)["status"] == "completed"
    assert studio.run(holder)["status"] == "canceled"
