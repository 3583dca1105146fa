"""What a run on a Docker engine costs beside the bare container of the same command."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from compute.backends import DOCKER
from compute.containers import site_from
from compute.launchers.base import LaunchSpec
from compute.launchers.docker import DockerLauncher
from compute.session import Session
from tests.benchmarks.rig import Rig, Row
from tests.docker.engine import IMAGE, DockerEngine
from tests.studio_process import Studio

ROUNDS = 9
BOUND = "< bare + 0.3"


def docker_run(rig: Rig) -> Iterator[Row]:
    """`true` in a container: by the engine alone, by our launcher, and as a run of a studio."""
    try:
        engine = DockerEngine()
    except pytest.skip.Exception:
        return  # there is no engine on this machine
    with engine:
        ours, bare = _launched(engine)
        yield Row("Docker: true by the launcher, to its end, s (median)", ours, bare, BOUND)
        ours, bare = _submitted(rig, engine)
        yield Row("Docker: run of true, slot to completed, s (median)", ours, bare, BOUND)


def _launched(engine: DockerEngine) -> tuple[float, float]:
    """How long the container of a launched task takes, and a bare one, by turns."""
    config = {"address": engine.address, "image": IMAGE, "network": "none"}
    place = DOCKER.place(config, studio_blobs="")
    ours, bare = [], []
    with Session(place) as session:
        launcher = DockerLauncher(session, site_from(config))
        for number in range(ROUNDS):
            bare.append(_bare(engine.api)[0])
            began = time.perf_counter()
            spec = {"argv": ["true"], "cwd": "code", "cookie": "bench"}
            handle = launcher.launch(LaunchSpec(name=f"bench-{number}", spec=spec))
            engine.api.wait(handle["container"])
            ours.append(time.perf_counter() - began)
            launcher.clear(handle)
    return statistics.median(ours), statistics.median(bare)


def _submitted(rig: Rig, engine: DockerEngine) -> tuple[float, float]:
    """How long a run takes until all of it is stored and its container gone, as for a bare one."""
    studio, folder = rig.studio, rig.folder / "nothing"
    folder.mkdir()
    (folder / "README").write_text("It needs no files.\n")
    given = [f"address={engine.address}", f"image={IMAGE}", "volume=bench", "network=none"]
    words = [word for setting in given for word in ("--set", setting)]
    for command in (
        ["target", "register", "bench-engine", *words],
        ["env", "create", "inside", "--interpreter", "python"],
    ):
        answer = studio.cli(*command)
        assert answer.code == 0, answer.stderr.decode()
    on_engine = ("--target", "bench-engine", "--environment", "inside", "--", "true")
    first = studio.submit(folder, *on_engine)
    studio.finished(first)
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(_bare(engine.api)[1])
        run = studio.api(f"/runs/{first}/again", {})["id"]
        assert studio.finished(run)["status"] == "completed"
        ours.append(_took(studio, run))
    return statistics.median(ours), statistics.median(bare)


def _took(studio: Studio, run: int) -> float:
    """From the move to `preparing`, when a slot is free, to the last one."""
    moves = [event for event in studio.api(f"/runs/{run}/events") if event["new_status"]]
    times = {event["new_status"]: datetime.fromisoformat(event["at"]) for event in moves}
    return (times["completed"] - times["preparing"]).total_seconds()


def _bare(api: Any) -> tuple[float, float]:
    """How long a container takes to its end, and until it is gone as after `docker run --rm`."""
    began = time.perf_counter()
    config = api.create_host_config(network_mode="none", log_config={"Type": "none"})
    made = api.create_container(IMAGE, ["true"], user="1000:1000", host_config=config)["Id"]
    api.start(made)
    api.wait(made)
    ended = time.perf_counter() - began
    api.remove_container(made)
    return ended, time.perf_counter() - began
