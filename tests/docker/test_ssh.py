"""An engine behind an sshd, reached with nothing but the system's ssh."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compute.containers import ROOT
from compute.engine import Engine
from compute.launchers.docker import DockerLauncher
from compute.session import Session
from compute.ssh_door import door_to
from compute.transports.base import TargetUnreachable
from compute.transports.docker import DockerTransport
from tests.contract.launcher import task, text_of
from tests.docker.conftest import SharingSite, place_at
from tests.docker.engine import DockerEngine
from tests.gitsources.servers import SshServer, sshd
from tests.waiting import eventually

pytestmark = pytest.mark.ssh


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def far(server: SshServer, engine: DockerEngine, site: SharingSite) -> Iterator[SharingSite]:
    """The shared site, reached through the sshd."""
    socket = engine.address.removeprefix("unix://")
    address = f"ssh://{getpass.getuser()}@{server.host}{socket}"
    yield replace(site, engine=Engine(address))
    shutil.rmtree(Path(door_to(address).path).parent)


def ssh_with(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> None:
    """Let `ssh` be the system's, with the options that its user's own configuration would have."""
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh {" ".join(options)} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def known(server: SshServer) -> tuple[str, ...]:
    """Options with the key that is let in, and the host's own key in the file of known hosts."""
    host_key = " ".join((server.folder / "host.pub").read_text().split()[:2])
    address, _, port = server.host.partition(":")
    hosts = server.folder / "known"
    hosts.write_text(f"[{address}]:{port} {host_key}\n")
    return ("-F", "none", "-i", f"{server.folder}/deploy", "-o", f"UserKnownHostsFile={hosts}")


def test_a_host_that_nobody_knows_is_told(
    far: SharingSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh_with(monkeypatch, tmp_path, "-F", "none", "-o", "UserKnownHostsFile=/dev/null")
    with pytest.raises(TargetUnreachable, match=r"Host key verification failed\.$"):
        DockerTransport(far).popen(["true"])


def test_a_run_behind_ssh(
    server: SshServer,
    far: SharingSite,
    session: Session,
    seen: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ssh_with(monkeypatch, tmp_path, *known(server))
    with Session(place_at(far)) as line:
        assert line.hello()["root"] == ROOT
        launcher = DockerLauncher(line, far)
        spec = task("echo $TOKEN > {there}/note", seen, secrets={"TOKEN": "hush-hush"})
        handle = launcher.launch(spec)
        eventually(lambda: text_of(seen / "note") == "hush-hush\n")
        eventually(lambda: not launcher.alive(handle))
