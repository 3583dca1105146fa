"""The settings of a Docker target: what is taken, what is refused, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute.backends import DOCKER
from compute.containers import Limits
from compute.sizes import size_bytes
from compute.ssh_door import ssh_command
from compute.transports.docker import DockerTransport
from studio.lib.refusal import Refused

LEAST = {"address": "unix:///var/run/docker.sock", "image": "python:3.12-slim"}


def refused(**config: str) -> Refused:
    with pytest.raises(Refused) as refusal:
        DOCKER.clean({**LEAST, **config})
    return refusal.value


def test_the_least_is_an_address_and_an_image() -> None:
    transport = DOCKER.place(DOCKER.clean(LEAST), studio_blobs="/blobs").transport
    assert isinstance(transport, DockerTransport)
    site = transport.site
    assert (site.volume, site.user, site.python, site.network) == (
        "runyard", "1000:1000", "python3", "bridge",
    )  # fmt: skip
    assert site.limits == Limits()


def test_equal_settings_are_one_place_and_others_another() -> None:
    one, same, other = (
        DOCKER.place({**LEAST, **more}, studio_blobs="/blobs") for more in ({}, {}, {"cpus": "2"})
    )
    assert one == same
    assert hash(one.transport) == hash(same.transport)
    assert one != other


def test_limits_and_folders_become_numbers_and_paths() -> None:
    more = {"memory": "1.5g", "cpus": "1.5", "shm": "64M", "pids": "512", "data": "/a/, /b c"}
    with pytest.raises(Refused, match="'c' is not an absolute path"):
        DOCKER.clean({**LEAST, **more})
    place = DOCKER.place(DOCKER.clean({**LEAST, **more, "data": "/a/, /b"}), studio_blobs="")
    assert isinstance(place.transport, DockerTransport)
    site = place.transport.site
    assert site.limits == Limits(3 << 29, 1_500_000_000, 64 << 20, 512)
    assert site.data == ("/a", "/b")
    assert site.may_mount("/a/mnist")
    assert not site.may_mount("/abc")


@pytest.mark.parametrize(
    ("config", "field", "sentence"),
    [
        ({"address": "docker.sock"}, "address", "begin with unix://, tcp:// or ssh://"),
        ({"platform": "amd64"}, "platform", "write it as linux/amd64 or linux/arm64"),
        ({"address": "ssh://-oProxyCommand=x"}, "address", "names no host"),
        ({"address": "ssh://-l@host"}, "address", "names no host"),
        ({"address": "ssh://user:secret@host"}, "address", "names no host"),
        ({"address": "ssh://host/x;reboot"}, "address", "no socket on host"),
        ({"address": "ssh://host", "tls": "/"}, "tls", "cannot be read"),
        ({"address": "unix://var/run/docker.sock"}, "address", "names no socket"),
        ({"address": f"unix:///{'x' * 120}"}, "address", "too long"),
        ({"address": "tcp://"}, "address", "names no host"),
        ({"address": "tcp://host:99999"}, "address", "no port"),
        ({"address": "tcp://gpu-1:2376"}, "tls", "anybody who reaches gpu-1:2376"),
        ({"tls": "/certs"}, "tls", "'/certs/ca.pem' cannot be read"),
        ({"tls": "certs"}, "tls", "not an absolute path"),
        ({"image": "two words"}, "image", "no name of an image"),
        ({"image": ""}, "image", "Image is missing"),
        ({"volume": "/data"}, "volume", "cannot be a name"),
        ({"user": "0:0"}, "user", "the first is not 0"),
        ({"user": "alice"}, "user", "two numbers"),
        ({"network": "a b"}, "network", "cannot be a name"),
        ({"memory": "lots"}, "memory", "no size"),
        ({"memory": "1k"}, "memory", "no size of 6m or more"),
        ({"cpus": "0"}, "cpus", "no number of processors"),
        ({"pids": "1"}, "pids", "16 or more"),
        ({"python": "bin/python"}, "python", "not an absolute path"),
        ({"data": "/"}, "data", "the engine's machine"),
        ({"colour": "blue"}, "colour", "no setting of a Docker target"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(
    config: dict[str, str], field: str, sentence: str
) -> None:
    error = refused(**config)
    assert error.field == field
    assert sentence in error.sentence


def test_tls_files_are_taken_when_they_can_be_read(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    config = {"address": "tcp://gpu-1:2376", "image": "python", "tls": str(tmp_path)}
    place = DOCKER.place(DOCKER.clean(config), studio_blobs="")
    assert isinstance(place.transport, DockerTransport)
    engine = place.transport.site.engine
    assert (engine.ca, engine.key) == (f"{tmp_path}/ca.pem", f"{tmp_path}/key.pem")
    for address in ("unix:///run/docker.sock", "ssh://host"):
        assert "needs no TLS folder" in refused(tls=str(tmp_path), address=address).sentence


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512m", 512 << 20), ("8G", 8 << 30), ("1.5gb", 3 << 29)]
)
def test_sizes_are_read_as_the_docker_command_reads_them(text: str, size: int) -> None:
    assert size_bytes(text) == size


def test_an_engine_behind_ssh_is_reached_by_words_that_no_shell_changes() -> None:
    argv = ssh_command("ssh://me@gpu-1:2222/run/docker.sock", "/tmp/way")
    assert argv[argv.index("--") :] == [
        "--", "gpu-1", "docker", "--host", "unix:///run/docker.sock", "system", "dial-stdio",
    ]  # fmt: skip
    assert argv[argv.index("-p") : argv.index("--")] == ["-p", "2222", "-l", "me"]
    assert DOCKER.clean({**LEAST, "address": "ssh://me@gpu-1"})["address"] == "ssh://me@gpu-1"
