"""What making an environment costs beside uv alone, and what it costs that it is there."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from uv import find_uv_bin

from compute.launchers.base import LaunchSpec
from compute.session import Session
from compute.transports.loader import runner_argv
from tests.benchmarks.rig import Rig, Row
from tests.compute.places import place_under
from tests.studio_process import TOP
from tests.waiting import eventually

WANTED = "numpy\npandas\nscikit-learn\n"
ROUNDS = 9
_HIT = """
import statistics, sys, time, django
django.setup()
from compute.models import ComputeTarget
from compute.services import target_place
from compute.session import session_for
from environments.services import Ready, build_ensure, environment_pick
target = ComputeTarget.objects.get(name="local")
version, _ = environment_pick(
    workspace=target.workspace, name="scikit-learn", folder_requirements=None)
took = []
with session_for(target_place(target=target)) as session:
    for _ in range(15):
        began = time.perf_counter()
        state = build_ensure(version=version, target=target, session=session)
        took.append(time.perf_counter() - began)
        assert isinstance(state, Ready), state
print(statistics.median(took))
"""


def environments(rig: Rig) -> Iterator[Row]:
    """numpy, pandas and scikit-learn: with an empty cache, with a full one, and once ready."""
    folder = rig.folder / "environments"
    folder.mkdir()
    lock = folder / "lock.txt"
    (folder / "requirements.in").write_text(WANTED)
    compiled = ("pip", "compile", "--generate-hashes", "--no-config", "--output-file", str(lock))
    _uv(folder / "lock-cache", *compiled, str(folder / "requirements.in"))
    with place_under(folder) as place, Session(place) as session:
        builder = _Builder(session, lock.read_text())
        bare, ours = [], []
        for number in range(ROUNDS + 1):  # by turns, so that the machine is as busy for both
            bare.append(_bare(folder, lock, number))
            ours.append(builder.build(number))
    yield Row("environment cold, and compiled, s", ours[0], bare[0], "")
    warm = statistics.median(ours[1:]), statistics.median(bare[1:])
    yield Row("environment warm, with bytecode, s (median)", *warm, "ratio < 1.5")
    yield Row("environment there: asked for in a studio, s (median)", _hit(rig), None, "< 0.1")


class _Builder:
    """Builds as the studio has them built: as a task of the runner."""

    def __init__(self, session: Session, requirements: str) -> None:
        self._session, self._requirements = session, requirements

    def build(self, number: int) -> float:
        """How long it takes from its launch to its end."""
        facts, name = self._session.facts, f"bench-{number}"
        runner = f"{facts['root']}/runner/{self._session.runner_sha}"
        order = {
            "path": f"{facts['root']}/envs/{name}",
            "key": name,
            "cache": f"{facts['root']}/uv-cache",
            "python": sys.executable,
            "uv": find_uv_bin(),
            "requirements": self._requirements,
        }
        spec = {
            "argv": runner_argv(facts["python"], runner, "build", "."),
            "cwd": ".",
            "env": _registry(),
        }
        began = time.perf_counter()
        launcher = self._session.place.launcher(self._session)
        launcher.launch(LaunchSpec(name=name, spec=spec, build=order))
        exited = eventually(
            lambda: self._session.look([name])[name].exited, timeout_s=300, what="a build to end"
        )
        took = time.perf_counter() - began
        assert exited["status"] == {"exited": 0}, exited
        return took


def _bare(folder: Path, lock: Path, number: int) -> float:
    """`uv pip sync` alone, which compiles nothing, into an environment that is there."""
    path, cache = folder / f"bare-{number}", folder / "bare-cache"
    _uv(cache, "venv", "--python", sys.executable, str(path))
    began = time.perf_counter()
    _uv(cache, "pip", "sync", "--python", str(path / "bin" / "python"), str(lock))
    return time.perf_counter() - began


def _uv(cache: Path, *words: str) -> None:
    env = {**os.environ, "UV_CACHE_DIR": str(cache)}
    subprocess.run([find_uv_bin(), "--quiet", *words], check=True, env=env)


def _registry() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("UV_")}


def _hit(rig: Rig) -> float:
    env = {**os.environ, **rig.studio.env, "DJANGO_SETTINGS_MODULE": "studio.settings"}
    argv = [sys.executable, "-c", _HIT]
    done = subprocess.run(argv, cwd=TOP, check=True, env=env, capture_output=True, text=True)
    return float(done.stdout)
