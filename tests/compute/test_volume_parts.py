"""How a container gets its part of the volume, in the very request that a new or old engine sees.

No engine here is new enough to take a part of a volume, so this one only writes down what it is
asked for.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest

from compute.containers import Site, site_from
from compute.engine import _clients

MOUNTPOINT = "/var/lib/docker/volumes/runs/_data"


class Scribe(BaseHTTPRequestHandler):
    """Answers as an engine of the API version that its server is given."""

    server: Any

    def do_GET(self) -> None:
        answer = {"ApiVersion": self.server.version}
        self._answer({"Mountpoint": MOUNTPOINT} if "/volumes/" in self.path else answer)

    def do_POST(self) -> None:
        self.server.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer({"Id": "c1"})

    def _answer(self, body: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def engine_of(version: str, folder: Path) -> Iterator[tuple[Site, Any]]:
    """A site on an engine that speaks this version, and the server that was asked."""
    path = folder / "docker.sock"
    with ThreadingUnixStreamServer(str(path), Scribe) as server:
        server.daemon_threads = True
        server.version = version  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        site = site_from({"address": f"unix://{path}", "image": "python:3.12", "volume": "runs"})
        try:
            yield site, server
        finally:
            for place in [place for place in _clients if place[0] == site.engine]:
                _clients.pop(place).close()
            server.shutdown()


def mounts_asked_for(version: str, folder: Path) -> list[dict[str, Any]]:
    """What the container of a run is made with."""
    with engine_of(version, folder) as (site, server):
        site.create_task("t1", role="run", runner_sha="abc", stop_s=15)
        found: list[dict[str, Any]] = server.asked["HostConfig"]["Mounts"]
        return found


@pytest.mark.parametrize("version", ["1.45", "2.0"])
def test_an_engine_that_can_is_asked_for_a_part_of_the_volume(version: str, tmp_path: Path) -> None:
    own, runner = mounts_asked_for(version, tmp_path)
    assert own == {
        "Type": "volume",
        "Source": "runs",
        "Target": "/runyard/tasks/t1",
        "ReadOnly": False,
        "VolumeOptions": {"NoCopy": True, "Subpath": "tasks/t1"},
    }
    assert runner == own | {
        "Target": "/runyard/runner/abc",
        "ReadOnly": True,
        "VolumeOptions": {"NoCopy": True, "Subpath": "runner/abc"},
    }


@pytest.mark.parametrize("version", ["1.41", "1.44"])
def test_an_older_one_binds_the_folder_where_the_volume_lies(version: str, tmp_path: Path) -> None:
    own, runner = mounts_asked_for(version, tmp_path)
    assert own == {
        "Type": "bind",
        "Source": f"{MOUNTPOINT}/tasks/t1",
        "Target": "/runyard/tasks/t1",
        "ReadOnly": False,
    }
    assert (runner["Source"], runner["ReadOnly"]) == (f"{MOUNTPOINT}/runner/abc", True)
