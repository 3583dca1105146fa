"""An engine on another machine, over TLS and a link that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compute.engine import Engine
from compute.launchers.docker import DockerLauncher
from compute.session import Session
from compute.transports.base import TargetUnreachable
from compute.transports.docker import DockerTransport
from compute.watch import Bytes, Watch
from tests.contract.launcher import task
from tests.contract.transport import SOON_S, opened, within
from tests.docker.conftest import SharingSite, place_at
from tests.docker.engine import DockerEngine
from tests.docker.link import Link, certificates
from tests.waiting import eventually


@pytest.fixture(scope="module")
def remote(
    engine: DockerEngine, site: SharingSite, link: Link, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharingSite]:
    """The shared site, reached over the link alone."""
    folder = tmp_path_factory.mktemp("tls")
    certificates(folder, link.address)
    engine.stop()
    engine.start(
        f"--host=tcp://{link.address}:2376",
        "--tlsverify",
        f"--tlscacert={folder}/ca.pem",
        f"--tlscert={folder}/server-cert.pem",
        f"--tlskey={folder}/server-key.pem",
    )
    address = f"tcp://{link.address}:2376"
    files = (f"{folder}/{name}" for name in ("ca.pem", "cert.pem", "key.pem"))
    yield replace(site, engine=Engine(address, *files))
    engine.stop()
    engine.start()


def test_bytes_go_both_ways_at_once(remote: SharingSite) -> None:
    data = bytes(range(256)) * 20_000
    echo = "import os\nwhile data := os.read(0, 65536):\n    os.write(1, data)"
    with opened(DockerTransport(remote), ["python3", "-c", echo]) as channel:
        for _ in range(2):
            channel.write(data[:100_000], timeout_s=SOON_S)
            assert channel.read_exact(100_000, timeout_s=SOON_S) == data[:100_000]
        channel.write(data, timeout_s=SOON_S)
        is_same = channel.read_exact(len(data), timeout_s=SOON_S) == data
    assert is_same


def test_the_authority_of_the_environment_does_not_count(
    remote: SharingSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificates(tmp_path, "127.0.0.1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with remote.engine.reached():
        assert remote.engine.api.version()["ApiVersion"]


def test_an_engine_of_another_authority_is_not_spoken_to(
    remote: SharingSite, tmp_path: Path
) -> None:
    certificates(tmp_path, "127.0.0.1")
    files = [f"{tmp_path}/{name}" for name in ("ca.pem", "cert.pem", "key.pem")]
    stranger = replace(remote, engine=Engine(remote.engine.address, *files))
    with pytest.raises(TargetUnreachable, match="certificate"):
        DockerTransport(stranger).popen(["true"])


def test_a_run_does_not_notice_that_the_link_is_cut(
    remote: SharingSite, link: Link, session: Session, seen: Path
) -> None:
    count = "i=0; while :; do i=$((i+1)); echo $i; echo $i > {there}/count; sleep 0.02; done"
    with Session(place_at(remote)) as line:
        launcher = DockerLauncher(line, remote)
        handle = launcher.launch(task(count, seen))
        eventually((seen / "count").exists)
        link.cut()
        try:
            with within(SOON_S), pytest.raises(TargetUnreachable):
                line.hello(timeout_s=1)
            before = int((seen / "count").read_text() or 0)
            with within(SOON_S):
                line.close()
            eventually(lambda: int((seen / "count").read_text() or 0) > before + 20)
        finally:
            link.mend()
    with Session(place_at(remote)) as line:
        launcher = DockerLauncher(line, remote)
        assert launcher.alive(handle)
        launcher.stop(handle, grace_s=0, reason="canceled_by_user")
        eventually(lambda: not launcher.alive(handle))
    log = b""
    with Watch(place_at(remote)) as watch:
        watch.follow("t1", "t1", {})
        for event in watch:
            if isinstance(event, Bytes) and event.stream == "run.log":
                log += event.data
            elif type(event).__name__ == "Ended":
                break
    lines = log.decode().split()
    assert lines == [str(number + 1) for number in range(len(lines))]
    assert len(lines) > 40
