"""Runs of a real studio on a real engine: the same as here, and what only an engine can do."""

from __future__ import annotations

import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.conftest import free_port
from tests.docker.engine import IMAGE, DockerEngine
from tests.docker.link import Link
from tests.environments.registry import Registry
from tests.studio_process import Studio, migrate_once
from tests.waiting import eventually

SLOTS = 4
ON_DOCKER = ("--target", "engine", "--environment", "inside")
TRAIN = (
    "import os, sys\nfrom pathlib import Path\nfrom studio.client import Run\n"
    "run = Run.get_context()\n"
    "for step in range(3):\n    run.log('loss', 1 / (step + 1), step=step)\n"
    "Path('outputs/deep').mkdir()\n"
    "Path('outputs/deep/model.bin').write_bytes(bytes(range(256)) * 1000)\n"
    "print(*sys.argv[1:], os.environ['WORD_TOKEN'])\n"
)
TICKS = (
    "import itertools, time\nfor i in itertools.count():\n    print('tick', i, flush=True)\n"
    "    time.sleep(0.05)\n"
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, link: Link) -> Iterator[dict[str, str]]:
    """Where the only packages are, which the studio and containers reach: uv's variables."""
    folder = tmp_path_factory.mktemp("registry")
    Registry(folder / "simple" / "tool").wheel("tool", "2.1")
    handler = partial(SilentHandler, directory=str(folder))
    with ThreadingHTTPServer((link.here, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"UV_DEFAULT_INDEX": f"http://{link.here}:{server.server_port}/simple"}
        server.shutdown()


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def studio(
    tmp_path_factory: pytest.TempPathFactory, engine: DockerEngine, registry: dict[str, str]
) -> Iterator[Studio]:
    data_dir = tmp_path_factory.mktemp("studio") / "data"
    migrate_once(data_dir)
    studio = Studio(data_dir, port=free_port(), link_root=tmp_path_factory.getbasetemp())
    studio.env |= registry
    with studio:
        answer = studio.cli("env", "create", "inside", "--interpreter", "python")
        assert answer.code == 0, answer.stderr.decode()
        settings = {"address": engine.address, "image": IMAGE, "volume": "e2e", "memory": "256m"}
        given = [word for setting in settings.items() for word in ("--set", "=".join(setting))]
        answer = studio.cli("target", "register", "engine", *given, "--slots", str(SLOTS))
        assert answer.code == 0, answer.stderr.decode() + answer.stdout.decode()
        assert answer.stdout.startswith(b"engine is ready: ")
        assert b", Docker " in answer.stdout
        yield studio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def container_of(engine: DockerEngine, studio: Studio, run: int) -> str:
    """The one container of a run."""
    label = {"label": ["runyard=e2e", "runyard.role=run"]}
    names = [found["Names"][0] for found in engine.api.containers(filters=label)]
    (name,) = [name for name in names if name.endswith(f"-run-{run}-1")]
    return str(name).lstrip("/")


def raw(studio: Studio, path: str) -> bytes:
    """The bytes at an address of the API."""
    request = urllib.request.Request(
        f"{studio.record.url}api/v1{path}", headers={"Authorization": f"Bearer {studio.token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def ticking(studio: Studio, folder: Path) -> int:
    """A run on the engine that prints for ever, seen to print."""
    (folder / "tick.py").write_text(TICKS)
    run = studio.submit(folder, *ON_DOCKER, "tick.py")
    eventually(lambda: b"tick 3" in studio.log(run), timeout_s=40, what=f"run {run} to print")
    return run


def made(studio: Studio, run: int) -> dict[str, Any]:
    """What a run left, apart from when and where."""
    ended = studio.finished(run, timeout_s=60)
    artifacts = studio.api(f"/runs/{run}/artifacts")
    return {
        "status": ended["status"],
        "metrics": ended["metrics"],
        "artifacts": {a["path"]: a["sha"] for a in artifacts},
        "log": studio.log(run),
        "complete": ended["receipt"]["complete"] if "receipt" in ended else None,
    }


def test_the_same_folder_gives_the_same_here_and_there(studio: Studio, folder: Path) -> None:
    (folder / "train.py").write_text(TRAIN)
    more = ("--env", "WORD_TOKEN=a-secret-word", "train.py", "--", "--alpha", "0.5")
    there = studio.submit(folder, *ON_DOCKER, *more)
    here = studio.submit(folder, "--target", "local", "--environment", "inside", *more)
    assert made(studio, there) == made(studio, here)
    left = made(studio, there)
    assert left["status"] == "completed"
    assert left["artifacts"].keys() == {"outputs/deep/model.bin"}
    assert left["log"] == b"--alpha 0.5 " + b"*" * len("a-secret-word") + b"\n"


def test_an_environment_is_an_image_built_once_that_its_runs_cannot_change(
    studio: Studio, engine: DockerEngine, folder: Path
) -> None:
    (folder / "where.py").write_text(
        "import sys\nfrom pathlib import Path\nprint(sys.prefix)\n"
        "mark = Path(sys.prefix) / 'x'\nprint(mark.exists())\nmark.touch()\n"
    )
    words = ("--target", "engine", "--environment", "minimal", "where.py")
    runs = [studio.submit(folder, *words) for _ in range(2)]
    logs = []
    for run in runs:
        ended = studio.finished(run)
        assert ended["status"] == "completed", ended
        logs.append(studio.log(run).decode().splitlines())
    assert logs == [["/opt/runyard/env", "False"]] * 2
    told = [event["text"] for run in runs for event in studio.api(f"/runs/{run}/events")]
    assert {word for text in told for word in re.findall(r"build (\d+)", text)} <= {"1"}
    assert b"Trying it out" in raw(studio, "/builds/1/log")
    labels = ["runyard=e2e", "runyard.role=build"]
    eventually(lambda: not engine.api.containers(all=True, filters={"label": labels}))
    assert len(engine.api.images("runyard/env", filters={"label": "runyard=e2e"})) == 1


def test_packages_come_from_where_the_studio_has_them(studio: Studio, folder: Path) -> None:
    (folder / "requirements.txt").write_text("tool\n")
    (folder / "use.py").write_text("import tool\nprint(tool.version)\n")
    made = studio.cli("env", "create", "tools", "-r", str(folder / "requirements.txt"))
    assert made.code == 0, made.stderr.decode()
    run = studio.submit(folder, "--target", "engine", "--environment", "tools", "use.py")
    ended = studio.finished(run)
    assert ended["status"] == "completed", f"{ended['error']} {raw(studio, '/builds/1/log')!r}"
    assert studio.log(run) == b"2.1\n"


def test_a_run_in_an_image_that_cannot_be_pulled_says_why(studio: Studio, folder: Path) -> None:
    made = studio.cli("env", "create", "absent", "--image", "localhost:5999/x:1")
    assert made.code == 0, made.stderr.decode()
    (folder / "hello.py").write_text("print('hello')\n")
    run = studio.submit(folder, "--target", "engine", "--environment", "absent", "hello.py")
    ended = studio.finished(run)
    assert (ended["status"], ended["end_reason"]) == ("failed", "build_failed")
    assert "cannot reach localhost:5999" in ended["error"]


def test_a_canceled_run_ends_with_its_container(
    studio: Studio, engine: DockerEngine, folder: Path
) -> None:
    run = ticking(studio, folder)
    name = container_of(engine, studio, run)
    studio.api(f"/runs/{run}/cancel", {})
    assert studio.finished(run)["status"] == "canceled"
    assert not engine.api.containers(all=True, filters={"name": name})


def test_runs_whose_containers_a_stranger_ended_say_so(
    studio: Studio, engine: DockerEngine, folder: Path
) -> None:
    api = engine.api
    ways: list[tuple[Callable[[str], object], str]] = [
        (api.stop, "Somebody had the engine stop its container (signal 15"),
        (api.kill, "Somebody had the engine kill its container (signal 9)"),
        (lambda name: api.remove_container(name, force=True), "Somebody removed its container"),
    ]
    runs = [ticking(studio, folder) for _ in ways]
    for run, (end, _) in zip(runs, ways, strict=True):
        end(container_of(engine, studio, run))
    for run, (_, said) in zip(runs, ways, strict=True):
        ended = studio.finished(run, timeout_s=60)
        assert (ended["status"], ended["end_reason"]) == ("failed", "stopped_outside"), ended
        assert ended["error"].startswith(said)
        assert studio.log(run).startswith(b"tick 0\ntick 1\n")


def test_a_run_that_takes_too_much_memory_says_so(studio: Studio, folder: Path) -> None:
    (folder / "eat.py").write_text("x = bytearray(600 << 20)\n")
    ended = studio.finished(studio.submit(folder, *ON_DOCKER, "eat.py"))
    assert (ended["status"], ended["end_reason"]) == ("failed", "out_of_memory")


def test_twenty_runs_take_turns_on_four_slots(studio: Studio, folder: Path) -> None:
    (folder / "count.py").write_text("import sys\nprint('number', sys.argv[1])\n")
    runs = [studio.submit(folder, *ON_DOCKER, "count.py", "--", str(n)) for n in range(20)]
    most = 0

    def have_ended() -> bool:
        nonlocal most
        most = max(most, studio.api("/targets/engine")["busy"])
        live = studio.api("/runs?filter=status:live")["items"]
        return not {run["id"] for run in live} & set(runs)

    eventually(have_ended, timeout_s=100, what="twenty runs to end")
    assert 1 < most <= SLOTS
    for number, run in enumerate(runs):
        assert studio.log(run) == f"number {number}\n".encode()
        assert studio.run(run)["status"] == "completed"


def test_a_restart_of_the_engine_ends_a_run_as_a_restart(
    studio: Studio, engine: DockerEngine, folder: Path
) -> None:
    run = ticking(studio, folder)
    engine.stop()
    engine.start()
    ended = studio.finished(run, timeout_s=60)
    assert (ended["status"], ended["end_reason"]) == ("failed", "host_restarted")
    assert studio.log(run).startswith(b"tick 0\ntick 1\n")
    again = studio.submit(folder, *ON_DOCKER, "--", "python3", "-c", "print('back')")
    assert studio.finished(again, timeout_s=60)["status"] == "completed"


def test_a_restart_that_leaves_containers_alone_costs_a_run_nothing(
    studio: Studio, engine: DockerEngine, folder: Path
) -> None:
    engine.stop()
    engine.start("--live-restore")
    try:
        run = ticking(studio, folder)
        before = studio.log(run).count(b"tick")
        engine.stop()
        engine.start("--live-restore")
        eventually(lambda: studio.log(run).count(b"tick") > before + 20, timeout_s=40)
        studio.api(f"/runs/{run}/cancel", {})
        assert studio.finished(run)["status"] == "canceled"
        lines = studio.log(run).decode().splitlines()
        assert lines == [f"tick {number}" for number in range(len(lines))]
    finally:
        engine.stop()
        engine.start()
