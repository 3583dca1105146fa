"""A real studio and an engine behind TLS, on which somebody or something breaks what there is."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runs.states import ENDINGS, EndReason, Retry
from tests.chaos.conftest import free_port
from tests.docker.engine import IMAGE, DockerEngine
from tests.docker.link import Link, certificates
from tests.studio_process import Studio, migrate_once
from tests.waiting import eventually

CUT_S = 30
ROOM = 1 << 30
LITTLE = 8 << 20
FILL = "with open('big', 'wb', 0) as file:\n    while True:\n        file.write(bytes(1 << 16))\n"
TICKS = (
    "import itertools, time\nfor i in itertools.count():\n    print('tick', i, flush=True)\n"
    "    time.sleep(0.05)\n"
)


@pytest.fixture(scope="module")
def tls(link: Link, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certificates(folder, link.address)
    return folder


@pytest.fixture(scope="module")
def listening(engine: DockerEngine, link: Link, tls: Path) -> Iterator[list[str]]:
    """The engine listens on the link too: with what options it was started."""
    options = [
        f"--host=tcp://{link.address}:2376",
        "--tlsverify",
        f"--tlscacert={tls}/ca.pem",
        f"--tlscert={tls}/server-cert.pem",
        f"--tlskey={tls}/server-key.pem",
    ]
    engine.stop()
    engine.start(*options)
    yield options
    engine.stop()
    engine.start()


@pytest.fixture(scope="module")
def studio(
    listening: list[str], link: Link, tls: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """It reaches the engine over the link alone."""
    data_dir = tmp_path_factory.mktemp("studio") / "data"
    migrate_once(data_dir)
    base = tmp_path_factory.getbasetemp()
    with Studio(data_dir, port=free_port(), link_root=base) as studio:
        made = studio.cli("env", "create", "inside", "--interpreter", "python")
        assert made.code == 0, made.stderr.decode()
        register(studio, "engine", address=f"tcp://{link.address}:2376", tls=str(tls))
        yield studio


def register(studio: Studio, name: str, **settings: str) -> None:
    """A target on an engine."""
    settings = {"image": IMAGE, "volume": "chaos"} | settings
    given = [word for setting in settings.items() for word in ("--set", "=".join(setting))]
    answer = studio.cli("target", "register", name, *given, "--slots", "4")
    assert answer.code == 0, answer.stderr.decode() + answer.stdout.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "tick.py").write_text(TICKS)
    return folder


def ticking(studio: Studio, folder: Path, *more: str) -> int:
    """A run on the engine that prints for ever, seen to print."""
    words = ("--target", "engine", "--environment", "inside", *more, "tick.py")
    run = studio.submit(folder, *words)
    eventually(lambda: b"tick 3" in studio.log(run), timeout_s=60, what=f"run {run} to print")
    return run


def containers_of(engine: DockerEngine, run: int) -> list[str]:
    """The containers of a run, dead or alive."""
    label = {"label": ["runyard=chaos", "runyard.role=run"]}
    names = [
        found["Names"][0].lstrip("/") for found in engine.api.containers(all=True, filters=label)
    ]
    return [name for name in names if f"-run-{run}-" in name]


def waiting(studio: Studio, run: int) -> str:
    """What REST says that a run waits for."""
    return str(studio.run(run)["waiting"])


def page(studio: Studio, run: int, cookie: str) -> str:
    """The page of a run, as its source."""
    address = f"{studio.record.url}runs/{run}/"
    request = urllib.request.Request(address, headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def prints_on(studio: Studio, run: int) -> None:
    """Wait for a good deal more of a run's log than there is."""
    before = studio.log(run).count(b"tick")
    eventually(
        lambda: studio.log(run).count(b"tick") > before + 20,
        timeout_s=60,
        what=f"run {run} to print on",
    )


def ended_whole(studio: Studio, run: int, status: str) -> dict[str, Any]:
    """How a run ended that printed each of its lines once, and whose every byte is stored."""
    ended = studio.finished(run, timeout_s=90)
    assert ended["status"] == status, ended
    lines = studio.log(run).decode().splitlines()
    assert lines == [f"tick {number}" for number in range(len(lines))]
    assert ended["receipt"]["complete"], ended["receipt"]
    return ended


def test_a_run_that_a_stranger_paused_says_so_and_goes_on_afterwards(
    studio: Studio, engine: DockerEngine, folder: Path
) -> None:
    runs = [ticking(studio, folder) for _ in range(2)]
    for run in runs:
        (name,) = containers_of(engine, run)
        engine.api.pause(name)
    for run in runs:
        eventually(lambda run=run: "paused" in waiting(studio, run), timeout_s=60)
    goes_on, unwanted = runs
    (name,) = containers_of(engine, goes_on)
    sentence = (
        f"Its container is paused on the engine: 'docker unpause {name}' there lets it go on."
    )
    assert waiting(studio, goes_on) == sentence
    assert studio.run(goes_on)["status"] == "running"
    assert sentence in studio.cli("show", str(goes_on)).stdout.decode()
    assert name in page(studio, goes_on, studio.session_cookie())
    studio.api(f"/runs/{unwanted}/cancel", {})
    ended_whole(studio, unwanted, "canceled")
    assert not containers_of(engine, unwanted)
    engine.api.unpause(name)
    prints_on(studio, goes_on)
    eventually(lambda: not waiting(studio, goes_on), timeout_s=60, what="nothing to hold it up")
    studio.api(f"/runs/{goes_on}/cancel", {})
    ended_whole(studio, goes_on, "canceled")
    told = [event["text"] for event in studio.api(f"/runs/{goes_on}/events")]
    assert told.count(sentence) == told.count("Nothing holds it up any more.") == 1


def test_a_run_goes_on_while_the_link_to_its_engine_is_cut(
    studio: Studio, engine: DockerEngine, link: Link, folder: Path
) -> None:
    run = ticking(studio, folder)
    cookie = studio.session_cookie()
    link.cut()
    cut_at = time.monotonic()
    try:
        eventually(lambda: "unreachable since" in waiting(studio, run), timeout_s=CUT_S + 30)
        assert studio.api("/targets/engine")["unreachable_since"]
        assert "engine is unreachable since" in page(studio, run, cookie)
        before = studio.log(run).count(b"tick")
        eventually(lambda: time.monotonic() > cut_at + CUT_S, timeout_s=CUT_S)
        assert studio.run(run)["status"] == "running"
        assert studio.log(run).count(b"tick") == before
    finally:
        link.mend()
    eventually(lambda: not waiting(studio, run), timeout_s=60, what="the engine to be reached")
    eventually(lambda: studio.log(run).count(b"tick") > before + CUT_S * 10, timeout_s=60)
    assert len(containers_of(engine, run)) == 1
    studio.api(f"/runs/{run}/cancel", {})
    ended_whole(studio, run, "canceled")


def test_the_death_of_an_engine_that_keeps_its_containers_costs_a_run_nothing(
    studio: Studio, engine: DockerEngine, listening: list[str], folder: Path
) -> None:
    engine.stop()
    engine.start(*listening, "--live-restore")
    run = ticking(studio, folder)
    (container,) = containers_of(engine, run)
    started_at = engine.api.inspect_container(container)["State"]["StartedAt"]
    engine.kill()
    engine.start(*listening, "--live-restore")
    prints_on(studio, run)
    assert containers_of(engine, run) == [container]
    assert engine.api.inspect_container(container)["State"]["StartedAt"] == started_at
    studio.api(f"/runs/{run}/cancel", {})
    ended_whole(studio, run, "canceled")


def test_a_run_that_the_death_of_its_engine_ended_says_so(
    studio: Studio, engine: DockerEngine, listening: list[str], folder: Path
) -> None:
    engine.stop()
    engine.start(*listening)
    run = ticking(studio, folder)
    engine.kill()
    engine.start(*listening)
    ended = ended_whole(studio, run, "failed")
    assert ended["end_reason"] == EndReason.HOST_RESTARTED
    assert "the engine that held its container, stopped" in ended["error"]
    assert ENDINGS[EndReason.HOST_RESTARTED].retry is Retry.AGAIN
    assert not containers_of(engine, run)
    told = [event["new_status"] for event in studio.api(f"/runs/{run}/events")]
    assert told.count("running") == 1


def test_a_full_disk_of_an_engine_is_told_and_leaves_nothing(studio: Studio, folder: Path) -> None:
    (folder / "hello.py").write_text("print('hello')\n")
    (folder / "fill.py").write_text(FILL)

    def done(script: str, environment: str = "inside") -> dict[str, Any]:
        words = ("--target", "small", "--environment", environment, script)
        return studio.finished(studio.submit(folder, *words), timeout_s=90)

    def containers() -> list[str]:
        """All but the helper."""
        names = (found["Names"][0] for found in small.api.containers(all=True))
        return [name for name in names if ".helper-" not in name]

    with DockerEngine(room_bytes=ROOM) as small:
        register(studio, "small", address=small.address)
        assert done("hello.py")["status"] == "completed"
        tasks = small.data / "volumes/chaos/_data/tasks"
        before = set(tasks.iterdir())
        small.leave_room(LITTLE)  # the tools of a build are too big for that
        failed = done("hello.py", "minimal")
        assert failed["end_reason"] == EndReason.BUILD_FAILED
        assert "The disk of the Docker engine is full: free some space" in failed["error"]
        eventually(lambda: set(tasks.iterdir()) == before, what="the build's folder to be removed")
        failed = done("fill.py")
        assert failed["end_reason"] == EndReason.EXITED_NONZERO
        # its own error, if a last page for the log was left after all
        assert re.search("disk of the target was full|No space left", failed["error"])
        small.leave_room(0)
        failed = done("hello.py")
        assert "The disk of the target is full" in failed["error"]
        eventually(lambda: not containers(), what="the containers of all of them to be removed")
        small.leave_room(ROOM)
        assert done("hello.py")["status"] == "completed"
        assert done("hello.py", "minimal")["status"] == "completed"
