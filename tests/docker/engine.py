"""A real Docker engine that tests start, stop and kill, apart from whatever engine there is.

It has a network and a mount namespace of its own, so that no other engine's bridge is touched
and no mount stays behind, and its own folder, socket and control groups.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from docker.errors import DockerException

from tests.docker.image import python_image
from tests.waiting import eventually

IMAGE = "runyard-tests:python"
_NEEDED = ("dockerd", "containerd", "runc", "iptables", "nsenter", "unshare", "setpriv")
_END_WITH_US = ("setpriv", "--pdeathsig", "TERM")
_QUIET = {"stdin": subprocess.DEVNULL, "start_new_session": True}


class DockerEngine:
    """A context manager that leaves no process, mount, file or control group behind.

    With `room_bytes` all that it keeps lies on a disk of that size, which can be made smaller.
    """

    def __init__(self, *options: str, room_bytes: int = 0) -> None:
        missing = [name for name in _NEEDED if shutil.which(name, path=_path()) is None]
        if missing or os.geteuid() != 0:
            pytest.skip(
                f"no Docker engine can be started (missing: {', '.join(missing) or 'root'}): as "
                "root, apt-get install docker.io"
            )
        # short, for the sake of sockets
        self.folder = Path(tempfile.mkdtemp(prefix="runyard-docker-"))
        self.address = f"unix://{self.folder}/docker.sock"
        self._group = self.folder.name
        self._options, self._room_bytes = options, room_bytes
        self._holder: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.api: Any = None

    @property
    def holder_pid(self) -> int:
        """The process whose namespaces are the engine's, whatever becomes of the engine."""
        assert self._holder is not None
        return self._holder.pid

    @property
    def data(self) -> Path:
        """Where all that it keeps lies, as seen from here."""
        return Path(f"/proc/{self.holder_pid}/root{self.folder}/data")

    def __enter__(self) -> DockerEngine:
        try:
            self._holder = subprocess.Popen(
                [*_END_WITH_US, "unshare", "--net", "--mount", "--propagation", "private",
                 "sleep", "infinity"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_QUIET,
            )  # fmt: skip
            holder = self.holder_pid
            own = _namespace("self", "net")
            eventually(lambda: _namespace(holder, "net") != own, what="a namespace")
            if self._room_bytes:
                (self.folder / "data").mkdir()
                self._mount(f"size={self._room_bytes}", "-t", "tmpfs", "tmpfs")
            self.start()
            self.api.import_image_from_file(str(python_image(self.folder)), *IMAGE.split(":"))
        except BaseException:
            self._clean()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.remove_containers()
        finally:
            self._clean()

    def start(self, *options: str) -> None:
        """Start it, with more options than it was made with, and wait until it answers."""
        folder = self.folder
        argv = [
            *_END_WITH_US, "nsenter", "-t", str(self.holder_pid), "-n", "-m", "dockerd",
            f"--host={self.address}", f"--data-root={folder}/data", f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid", f"--cgroup-parent=/{self._group}", "--userland-proxy=false",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            *self._options, *options,
        ]  # fmt: skip
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdout=log, stderr=log, env={**os.environ, "PATH": _path()}, **_QUIET
            )
        process = self._process

        def answers() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"the engine ended: {(folder / 'log').read_text()[-2000:]}")
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(10)
                probe.connect(self.address.removeprefix("unix://"))
                probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in probe.recv(64)
            return False

        eventually(answers, timeout_s=30, what="the engine to answer")
        if self.api is None:
            self.api = APIClient(base_url=self.address, version="auto", timeout=60)

    def stop(self) -> None:
        """Let it go down in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once; its containers do not notice until it is started again.

        Its containerd dies with it. Where that stays a zombie for a while, as under a slow
        process 1, the next engine would take it for alive and wait for it.
        """
        noted = self.folder / "exec/containerd/containerd.pid"
        containerd = int(noted.read_text())
        self._end(signal.SIGKILL)
        eventually(lambda: _is_dead(containerd), what="containerd to die")
        for path in (noted, self.folder / "pid"):
            path.unlink(missing_ok=True)

    def leave_room(self, free_bytes: int) -> None:
        """Change the size of its disk, so that so much is free from now on."""
        page = os.sysconf("SC_PAGE_SIZE")

        def fits() -> bool:
            disk = os.statvfs(self.data)
            size = (disk.f_blocks - disk.f_bfree) * disk.f_frsize + free_bytes // page * page
            with contextlib.suppress(subprocess.CalledProcessError):  # it has grown meanwhile
                self._mount(f"remount,size={size}")
                return True
            return False

        eventually(fits, what="the disk to be resized")

    def remove_containers(self) -> None:
        """Remove every container, dead or alive."""
        for found in self.api.containers(all=True):
            with contextlib.suppress(DockerException):
                self.api.remove_container(found["Id"], force=True, v=True)

    def pid_of(self, container: str, pid: int) -> int:
        """The number on this machine of the process `pid` of a container."""
        top = self.api.inspect_container(container)["State"]["Pid"]
        with contextlib.suppress(OSError):
            inside = _namespace(top, "pid")
            for folder in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    if _namespace(folder.name, "pid") == inside:
                        fields = (folder / "status").read_text().split("NSpid:")[1].split("\n")[0]
                        if int(fields.split()[-1]) == pid:
                            return int(folder.name)
        raise AssertionError(f"there is no process {pid} in {container}")

    def _mount(self, options: str, *what: str) -> None:
        enter = ["nsenter", "-t", str(self.holder_pid), "-m"]
        argv = [*enter, "mount", "-o", options, *what, f"{self.folder}/data"]
        subprocess.run(argv, check=True, capture_output=True, timeout=30)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=60)
            self._process = None

    def _clean(self) -> None:
        if self.api is not None:
            self.api.close()
        for process in (self._process, self._holder):
            if process is not None:
                process.kill()
                process.wait(timeout=30)
        deadline = time.monotonic() + 30
        while left := list(self._own_processes()):
            assert time.monotonic() < deadline, f"processes of the engine stay: {left}"
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self._remove_groups()
        shutil.rmtree(self.folder)

    def _own_processes(self) -> Iterator[int]:
        """What was started for this engine: it names the folder, or is in its control group."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                told = (folder / "cmdline").read_bytes() + (folder / "cgroup").read_bytes()
                if self._group.encode() in told and int(folder.name) != os.getpid():
                    yield int(folder.name)

    def _remove_groups(self) -> None:
        tops = [*Path("/sys/fs/cgroup").glob(f"*/{self._group}")]
        tops.append(Path("/sys/fs/cgroup") / self._group)
        for top in tops:
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()


def _is_dead(pid: int) -> bool:
    """Whether a process is gone, or all but reaped."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    return "\nState:\tZ" in status


def _namespace(pid: object, kind: str) -> str:
    return str(Path(f"/proc/{pid}/ns/{kind}").readlink())


def _path() -> str:
    """Where the engine and its helpers lie, which is not always on a user's PATH."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
