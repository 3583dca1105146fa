"""The Docker transport, held to the contract and to what only an engine can do to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from compute.containers import ROOT
from compute.engine import Engine
from compute.session import Session
from compute.transports.base import TargetRefused, TargetUnreachable, Transport
from compute.transports.docker import DockerTransport
from tests.contract.transport import SOON_S, TransportContract, opened
from tests.docker.conftest import SharingSite, place_at
from tests.docker.engine import DockerEngine


class TestDockerTransport(TransportContract):
    @pytest.fixture
    def transport(self, site: SharingSite) -> Transport:
        return DockerTransport(site)

    @pytest.fixture
    def python(self) -> str:
        return "python3"

    @pytest.fixture
    def there(self, seen: Path) -> Path:
        return seen

    @pytest.fixture(autouse=True)
    def _on(self, engine: DockerEngine, site: SharingSite) -> None:
        self._engine, self._helper = engine, site.helper_name

    def pid_here(self, pid: int) -> int:
        return self._engine.pid_of(self._helper, pid)


def test_the_helper_is_made_again_when_somebody_removed_it(
    engine: DockerEngine, site: SharingSite, session: Session
) -> None:
    engine.api.remove_container(site.helper_name, force=True)
    with pytest.raises(TargetUnreachable):
        session.ping()
    with Session(place_at(site)) as another:
        assert another.hello()["root"] == ROOT


def test_many_at_once_make_one_helper(engine: DockerEngine, site: SharingSite) -> None:
    engine.api.remove_container(site.helper_name, force=True)
    with ThreadPoolExecutor(4) as threads:
        found = {future.result() for future in [threads.submit(site.helper) for _ in range(4)]}
    assert len(found) == 1
    named = {"name": site.helper_name}  # those that were made in vain would have more to theirs
    assert len(engine.api.containers(all=True, filters=named)) == 1


def test_another_image_or_user_makes_another_helper(
    engine: DockerEngine, site: SharingSite
) -> None:
    first = site.helper()
    other = replace(site, user="1001:1001")
    with opened(
        DockerTransport(other), ["python3", "-c", "import os; os.write(1, b'%d' % os.getuid())"]
    ) as channel:
        assert channel.read_exact(4, timeout_s=SOON_S) == b"1001"
    assert other.helper() != first
    site.helper()


def test_an_image_that_is_not_there_is_refused_with_what_to_do(site: SharingSite) -> None:
    other = replace(site, image="no-such/image:1", volume="runyard-other")
    with pytest.raises(TargetRefused, match="docker pull no-such/image:1"):
        DockerTransport(other).popen(["true"])


def test_an_image_without_python_is_refused(engine: DockerEngine, site: SharingSite) -> None:
    other = replace(site, python="/opt/python", volume="runyard-other")
    with pytest.raises(TargetRefused, match="/opt/python"):
        DockerTransport(other).popen(["true"])
    assert not engine.api.containers(all=True, filters={"label": "runyard=runyard-other"})


def test_nobody_at_the_address_is_unreachable(site: SharingSite, tmp_path: Path) -> None:
    other = replace(site, engine=Engine(f"unix://{tmp_path}/none.sock"))
    with pytest.raises(TargetUnreachable, match=r"does not answer: No such file or directory\.$"):
        DockerTransport(other).popen(["true"])


def test_a_closed_channel_leaves_nothing_in_the_helper(
    engine: DockerEngine, site: SharingSite
) -> None:
    for _ in range(2):
        with opened(DockerTransport(site), ["python3", "-c", "import time; time.sleep(600)"]):
            pass
    listed = engine.api.top(site.helper_name)["Processes"]
    assert len(listed) == 1
