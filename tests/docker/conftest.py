"""One real engine for all tests of this folder (`engine`), and a site of its own for each."""

from __future__ import annotations

import gc
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from docker.types import Mount

from compute.containers import ROOT, Limits, Site
from compute.engine import Engine, _clients
from compute.images import EngineImages
from compute.launchers.docker import DockerLauncher, DockerLaunching
from compute.place import Place
from compute.session import Session
from compute.transports.docker import DockerTransport
from tests.docker.engine import IMAGE, DockerEngine
from tests.docker.link import Link

_numbers = itertools.count(1)
_SOCKETS = "ignore:unclosed <socket:ResourceWarning"
"""The SDK leaves sockets of engines that went away to the garbage collector."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/docker/" in str(item.path):
            item.add_marker(pytest.mark.docker)
            item.add_marker(pytest.mark.filterwarnings(_SOCKETS))


@pytest.fixture(scope="package")
def engine() -> Iterator[DockerEngine]:
    with DockerEngine() as engine:
        yield engine
    while _clients:
        _clients.popitem()[1].close()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()  # now, and not in somebody else's test


@pytest.fixture(scope="package")
def link(engine: DockerEngine) -> Iterator[Link]:
    """A network between the engine and this machine; one for all, as each change of it waits."""
    with Link(engine.holder_pid) as link:
        yield link


@pytest.fixture(autouse=True)
def one_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is an installation of its own, and one helper is enough for all of them."""
    settings = Site._settings.fget  # type: ignore[attr-defined]  # it is a property
    monkeypatch.setattr(Site, "_settings", property(lambda site: settings(replace(site, owner=""))))


@dataclass(frozen=True)
class SharingSite(Site):
    """A site whose containers see a folder of the test as it is, so that both sides can look."""

    there: str = ""

    def helper_mounts(self) -> list[Mount]:
        return [*super().helper_mounts(), *self.more_mounts()]

    def more_mounts(self) -> list[Mount]:
        return [Mount(self.there, self.there, type="bind")]


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    folder.chmod(0o755)
    return folder


@pytest.fixture
def seen(shared: Path) -> Path:
    """A folder that both sides see under the same path."""
    folder = shared / str(next(_numbers))
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture(scope="package")
def site(engine: DockerEngine, shared: Path) -> SharingSite:
    """How runs are contained on the engine, with one helper for all tests."""
    return SharingSite(
        engine=Engine(engine.address),
        image=IMAGE,
        volume="runyard-shared",
        user="1000:1000",
        python="python3",
        network="none",
        limits=Limits(),
        there=str(shared),
    )


def place_at(site: Site) -> Place:
    """The place that a target with this site is."""
    return Place(
        transport=DockerTransport(site),
        root=ROOT,
        python=site.python,
        blobs=f"{ROOT}/blobs",
        launcher=DockerLaunching(site),
        images=EngineImages(site),
    )


@pytest.fixture
def session(site: SharingSite, engine: DockerEngine) -> Iterator[Session]:
    """An open line; all tasks that were launched over it, and their folders, are removed."""
    with Session(place_at(site)) as session:
        yield session
    launched = {"label": [f"runyard={site.volume}", "runyard.role=run"]}
    for found in engine.api.containers(all=True, filters=launched):
        engine.api.remove_container(found["Id"], force=True, v=True)
    with Session(place_at(site)) as session:
        for name in ("t1", "t2"):
            DockerLauncher(session, site).clear({"name": name})
