"""A registry of images beside an engine, on the loopback of its network namespace."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.engine import DockerEngine
from tests.waiting import eventually

HOST = "localhost:5117"
PASSWORD = "word-of-the-robot"
_CRYPT = "import crypt; print(crypt.crypt(%r, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))"
_PROBE = "import socket; socket.create_connection(('127.0.0.1', 5117), 2)"


class ImageRegistry:
    """A context manager: Debian's registry, which wants a login by the name of robot."""

    def __init__(self, engine: DockerEngine, folder: Path) -> None:
        if shutil.which("docker-registry") is None:
            pytest.skip("there is no docker-registry: as root, apt-get install docker-registry")
        self._engine, self._folder = engine, folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ImageRegistry:
        words = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _CRYPT % PASSWORD],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        (self._folder / "htpasswd").write_text(f"robot:{words}\n")
        config = {
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "images")}},
            "http": {"addr": "127.0.0.1:5117"},
            "auth": {"htpasswd": {"realm": "test", "path": str(self._folder / "htpasswd")}},
        }
        (self._folder / "config.json").write_text(json.dumps(config))
        self._process = subprocess.Popen(
            [*self._within, "setpriv", "--pdeathsig", "KILL", "docker-registry", "serve",
             str(self._folder / "config.json")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        probe = [*self._within, sys.executable, "-c", _PROBE]
        eventually(
            lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0,
            what="the registry to answer",
        )
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=30)

    @property
    def _within(self) -> list[str]:
        return ["nsenter", "-t", str(self._engine.holder_pid), "-n"]

    def push(self, image: str, name: str) -> str:
        """Bring an image of the engine there and forget it on the engine; its reference."""
        reference = f"{HOST}/{name}"
        api = self._engine.api
        api.tag(image, *reference.rsplit(":", 1))
        login = {"username": "robot", "password": PASSWORD}
        for event in api.push(reference, stream=True, decode=True, auth_config=login):
            assert "error" not in event, event
        for known in {reference, image}:
            with contextlib.suppress(Exception):
                api.remove_image(known, force=True)
        return reference
