"""What is measured. Each case yields rows; the bound is what the product promises."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.charts import charts
from tests.benchmarks.containers import docker_run
from tests.benchmarks.environments import environments
from tests.benchmarks.lists import run_list
from tests.benchmarks.paint import first_paint
from tests.benchmarks.preflight import preflight
from tests.benchmarks.rig import Rig, Row
from tests.benchmarks.sockets import socket_delays
from tests.benchmarks.starting import studio_start
from tests.benchmarks.viewer import log_viewer
from tests.relay import relayed
from tests.waiting import eventually

ROUNDS = 15
MANY = 200
LARGE_FILES, LARGE_BYTES = 2_000, 150_000
LOOK_S = 0.5


def submit_to_line(rig: Rig) -> Iterator[Row]:
    """A fresh command line process each time, to its first line and to its exit."""
    command, env = rig.command_line()
    argv = [
        *command,
        "submit",
        "--wait",
        "--source",
        str(rig.source),
        "--environment",
        "scikit-learn",
        "hello.py",
    ]
    first, whole = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with subprocess.Popen(
            argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        ) as process:
            assert process.stdout is not None
            seen = b""
            while b"hello\n" not in seen:
                piece = process.stdout.read(4096)
                assert piece, seen
                seen += piece
            first.append(time.perf_counter() - began)
            assert process.wait() == 0
        whole.append(time.perf_counter() - began)
    bare = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run([rig.python(), "hello.py"], cwd=rig.source, capture_output=True, check=True)
        bare.append(time.perf_counter() - began)
    yield Row("submit to first line, s (median)", _median(first), _median(bare), "< 0.25")
    yield Row("submit to exit, s (median)", _median(whole), _median(bare), "< 0.35")


def resubmit(rig: Rig) -> Iterator[Row]:
    """300 MB in 2,000 files, one of them changed: how long, and how much travels."""
    source = rig.folder / "large"
    for number in range(LARGE_FILES):
        path = source / f"package_{number % 40}" / f"part_{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(LARGE_BYTES))
    (source / "hello.py").write_text('print("hello")\n')
    command, env = rig.command_line()
    argv = [*command, "submit", "--source", str(source), "--environment", "minimal", "hello.py"]
    began = time.perf_counter()
    subprocess.run(argv, env=env, capture_output=True, check=True)
    yield Row("300 MB in 2,000 files, first submit, s", time.perf_counter() - began, None, "")
    times, ratios = [], []
    for number in range(ROUNDS):
        changed = source / "package_3" / f"part_{3 + 40 * number}.bin"
        changed.write_bytes(os.urandom(LARGE_BYTES))
        with relayed(rig.studio.record.url) as relay:
            began = time.perf_counter()
            told = {**env, "RUNYARD_URL": relay.url}
            subprocess.run(argv, env=told, capture_output=True, check=True)
            times.append(time.perf_counter() - began)
        ratios.append(relay.sent_bytes / LARGE_BYTES)
    yield Row("one file changed, s (median)", _median(times), None, "< 1")
    yield Row("one file changed, s (max)", max(times), None, "< 1")
    yield Row("sent / changed bytes (max)", max(ratios), None, "< 1.1")


def command_start(rig: Rig) -> Iterator[Row]:
    """What the command line costs before it does anything."""
    command, env = rig.command_line()
    yield Row(
        "command line start, s (median)",
        _timed([*command, "--version"], env),
        _timed([rig.python(), "-c", "pass"], env),
        "< 0.08",
    )


def line_to_socket(rig: Rig) -> Iterator[Row]:
    """From the print to an open websocket, with and without newline, also below a shell."""
    cookie = rig.studio.session_cookie()
    for what, words in (("python", ["ticks.py"]), ("shell", ["ticks.sh"])):
        run = rig.studio.submit(rig.source, "--environment", "scikit-learn", *words)
        delays = asyncio.run(socket_delays(rig.studio, cookie, run))
        ordered = sorted(delays)
        p95 = ordered[int(len(ordered) * 0.95)]
        yield Row(f"line to websocket, {what}, s (p95 of {len(ordered)})", p95, None, "< 0.15")


def many_runs(rig: Rig) -> Iterator[Row]:
    """200 runs of `true`, queued at once, on four slots: with a small and a large environment."""
    began = time.perf_counter()
    for _ in range(MANY):
        subprocess.run(["true"], check=True)
    bare = MANY / (time.perf_counter() - began)
    for environment in ("minimal", "scikit-learn"):
        ours = _runs_a_second(rig, environment)
        yield Row(f"200 runs of true on 4 slots, {environment}, runs/s", ours, bare, "> 15")


def _runs_a_second(rig: Rig, environment: str) -> float:
    digest = rig.studio.run(rig.studio.api("/runs")["items"][0]["id"])["snapshot"]
    rig.studio.api("/targets/local", {"slots": 1}, method="PATCH")
    blocker = rig.studio.submit(rig.source, "--environment", environment, "--", "sleep", "600")
    eventually(lambda: rig.studio.run(blocker)["status"] == "running", what="the slot to be taken")
    body = {"source": {"snapshot": digest}, "command": ["true"], "environment": environment}
    numbers = [rig.studio.api("/runs", body)["id"] for _ in range(MANY)]
    began = time.perf_counter()
    rig.studio.api("/targets/local", {"slots": 5}, method="PATCH")
    while rig.studio.api("/runs?filter=status:live")["total"] > 1:
        time.sleep(LOOK_S)  # a look costs what a run costs: rarely, so that it is not measured
    took = time.perf_counter() - began
    rig.studio.api(f"/runs/{blocker}/cancel", {})
    rig.studio.finished(blocker)
    assert {rig.studio.run(number)["status"] for number in numbers} == {"completed"}
    return MANY / took


def big_log(rig: Rig) -> Iterator[Row]:
    """100 MB as fast as it can: how long after the script's end it can be read whole."""
    run = rig.studio.submit(rig.source, "--environment", "scikit-learn", "burst.py")
    pages: list[float] = []
    done = threading.Event()

    def browse() -> None:
        while not done.is_set():
            began = time.perf_counter()
            with urllib.request.urlopen(f"{rig.studio.record.url}healthz", timeout=30) as answer:
                answer.read()
            pages.append(time.perf_counter() - began)
            done.wait(0.1)

    reader = threading.Thread(target=browse)
    reader.start()
    ended = rig.studio.finished(run, timeout_s=120)
    seen = time.time()
    done.set()
    reader.join()
    log = rig.studio.log(run)
    assert log == (b"x" * 99 + b"\n") * 1_000_000
    assert ended["receipt"]["complete"]
    folder = next((rig.studio.data_dir / "targets/local/tasks").glob(f"*-run-{run}-1"))
    exited = json.loads((folder / "exited.json").read_text())
    began = time.perf_counter()
    subprocess.run(
        [rig.python(), "burst.py"], cwd=rig.source, stdout=subprocess.DEVNULL, check=True
    )
    bare = time.perf_counter() - began
    yield Row("100 MB log: readable after the end, s", seen - exited["ended_at"], None, "< 2")
    yield Row(
        "100 MB log: the script itself, s", exited["ended_at"] - exited["started_at"], bare, ""
    )
    yield Row("other pages meanwhile, s (max)", max(pages), None, "")
    yield Row("web memory, MB", _rss_mb(rig.studio.record.children["web"].pid), None, "< 300")


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _timed(argv: list[str], env: dict[str, str]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(argv, env=env, capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return _median(times)


def _median(values: list[float]) -> float:
    return statistics.median(values)


CASES: dict[str, Callable[[Rig], Iterator[Row]]] = {
    "start": command_start,
    "studio": studio_start,
    "submit": submit_to_line,
    "resubmit": resubmit,
    "socket": line_to_socket,
    "many": many_runs,
    "log": big_log,
    "charts": charts,
    "environments": environments,
    "preflight": preflight,
    "viewer": log_viewer,
    "list": run_list,  # last: so many runs are in nobody's way then
    "paint": first_paint,
    "docker": docker_run,
}
