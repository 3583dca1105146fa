"""A socket of this process behind which another machine's engine answers, over the system's ssh.

Whoever connects gets an `ssh` of his own, whose ends are the connection itself: no byte passes
through us. The first keeps the way open for a while, so that the next ones are quick.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

_QUOTE_BYTES = 2000
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ControlMaster=auto",
    "ControlPersist=60",
)


_doors: dict[tuple[str, int], SshDoor] = {}


class SshDoor:
    """Leads to the engine at ssh://user@host:port/path/of/its/socket."""

    def __init__(self, address: str) -> None:
        folder = _private_folder(address)
        self._argv = ssh_command(address, str(folder / "way"))
        self._errors = folder / f"errors-{os.getpid()}"
        self._running: list[subprocess.Popen[bytes]] = []
        self.path = str(folder / f"door-{os.getpid()}")
        Path(self.path).unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._serve, name="ssh-door", daemon=True).start()

    def last_words(self) -> str:
        """What ssh said last on its standard error; empty when it had nothing to say."""
        with contextlib.suppress(OSError):
            said = self._errors.read_bytes()[-_QUOTE_BYTES:].decode("utf-8", "replace")
            return said.strip().splitlines()[-1].strip() if said.strip() else ""
        return ""

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            self._running = [process for process in self._running if process.poll() is None]
            with connection, self._errors.open("wb") as errors, contextlib.suppress(OSError):
                self._running.append(
                    subprocess.Popen(
                        self._argv,
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=errors.fileno(),
                        start_new_session=True,
                    )
                )


def _private_folder(address: str) -> Path:
    """One folder for all processes of ours that go there: they share the first one's way.

    Raises:
        PermissionError: somebody else has taken its name.
    """
    name = hashlib.sha256(address.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"runyard-ssh-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    row = folder.lstat()
    if row.st_uid != os.getuid() or stat.S_IMODE(row.st_mode) != 0o700:
        raise PermissionError(0, f"{folder} is not a private folder of the studio's user")
    for path in [*folder.glob("door-*"), *folder.glob("errors-*")]:
        if not _lives(int(path.name.rpartition("-")[2])):
            path.unlink(missing_ok=True)
    return folder


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def ssh_command(address: str, way: str) -> list[str]:
    """The command that carries one connection to the engine."""
    parts = urlsplit(address)
    remote = ["docker", *(("--host", f"unix://{parts.path}") if parts.path else ())]
    return [
        "ssh",
        "-T",
        *(word for option in _OPTIONS for word in ("-o", option)),
        "-o",
        f"ControlPath={way}",
        *(("-p", str(parts.port)) if parts.port else ()),
        *(("-l", parts.username) if parts.username else ()),
        "--",
        str(parts.hostname),
        *remote,
        "system",
        "dial-stdio",
    ]


def door_to(address: str) -> SshDoor:
    """The door of this process: a forked child makes its own, as does who finds it swept away."""
    place = address, os.getpid()
    door = _doors.get(place)
    if door is None or not Path(door.path).exists():
        door = _doors[place] = SshDoor(address)
    return door
