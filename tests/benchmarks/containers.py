"""What a run on a Docker engine costs beside the bare container of the same command."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from compute.backends import DOCKER
from compute.containers import site_from
from compute.launchers.base import LaunchSpec
from compute.launchers.docker import DockerLauncher
from compute.session import Session
from tests.benchmarks.rig import Rig, Row
from tests.docker.engine import IMAGE, DockerEngine

ROUNDS = 9


def docker_run(rig: Rig) -> Iterator[Row]:
    """`true` in a container: made, started and ended, by us and by the engine alone."""
    del rig
    try:
        engine = DockerEngine()
    except pytest.skip.Exception:
        return  # there is no engine on this machine
    with engine:
        config = {"address": engine.address, "image": IMAGE, "network": "none"}
        place = DOCKER.place(config, studio_blobs="")
        ours, bare = [], []
        with Session(place) as session:
            launcher = DockerLauncher(session, site_from(config))
            for number in range(ROUNDS):
                bare.append(_bare(engine.api))
                began = time.perf_counter()
                spec = {"argv": ["true"], "cwd": "code", "cookie": "bench"}
                handle = launcher.launch(LaunchSpec(name=f"bench-{number}", spec=spec))
                engine.api.wait(handle["container"])
                ours.append(time.perf_counter() - began)
                launcher.clear(handle)
    yield Row(
        "Docker: a run of true, s (median)",
        statistics.median(ours),
        statistics.median(bare),
        "< bare + 0.3",
    )


def _bare(api: Any) -> float:
    began = time.perf_counter()
    config = api.create_host_config(network_mode="none", log_config={"Type": "none"})
    made = api.create_container(IMAGE, ["true"], user="1000:1000", host_config=config)["Id"]
    api.start(made)
    api.wait(made)
    took = time.perf_counter() - began
    api.remove_container(made)
    return took
