"""What our containers on a Docker engine look like: the helper, and the one of each run."""

from __future__ import annotations

import hashlib
import io
import secrets
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig, Mount

from compute.engine import Engine, disk_full
from compute.sizes import size_bytes
from compute.transports.base import ImageMissing, TargetRefused, TargetUnreachable
from compute.transports.loader import runner_argv

ROOT = "/runyard"
"""Where the volume lies in our containers."""
CONFLICT = 409
_SUBPATH_SINCE = (1, 45)
OWNER = "runyard.instance"
"""The label that tells which installation something belongs to."""
TASK = "runyard.task"
ROLE = "runyard.role"
VOLUME_LABEL = "runyard"
"""The label that names the volume of the target that something was made for."""
_PLATFORM_SINCE = (1, 41)
_TRIES = 5
_READY = b"ready"
_MOST_SAID_BYTES = 64 * 1024
_IDLE = (
    "import os, signal, sys\n"
    "root, user = sys.argv[1], (int(sys.argv[2]), int(sys.argv[3]))\n"
    "os.makedirs(root + '/uv-cache', 0o755, exist_ok=True)\n"
    "for path in (root, root + '/uv-cache'):\n"
    "    os.chown(path, *user)\n"
    "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"  # orphans vanish when they end
    "signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n"
    "os.write(1, b'ready')\n"
    "while True:\n"
    "    signal.pause()\n"
)
"""The helper's first process: gives the volume to the run's user, and stays."""


@dataclass(frozen=True)
class Limits:
    """What one run may use; 0 stands for no limit of ours."""

    memory_bytes: int = 0
    nano_cpus: int = 0
    shm_bytes: int = 0
    pids: int = 0


@dataclass(frozen=True)
class Site:
    """An engine, and how runs are contained there. Equal sites are the same place."""

    engine: Engine
    image: str
    volume: str
    user: str
    """uid:gid"""
    python: str
    network: str
    limits: Limits
    data: tuple[str, ...] = ()
    """Folders of the engine's machine in which named data may lie."""
    owner: str = ""
    """The key of the installation: what it makes on an engine says so."""
    platform: str = ""
    """Which of an image's platforms is meant, like linux/arm64; "" for the engine's own."""

    def container_name(self, task: str) -> str:
        """The name of a run's container, which is the claim on it: no second one can have it."""
        return f"{self.volume}.{task}"

    def labels(self, role: str) -> dict[str, str]:
        """By what our containers are found again."""
        return {**self._ours, ROLE: role}

    @property
    def _ours(self) -> dict[str, str]:
        return {VOLUME_LABEL: self.volume, **({OWNER: self.owner} if self.owner else {})}

    # -- the helper

    def helper(self) -> str:
        """The id of the running helper, which is made when it is missing or has ended."""
        api = self.engine.api
        for _ in range(_TRIES):
            try:
                found = api.inspect_container(self.helper_name)
            except NotFound:
                self._make_helper()
                continue
            if found["State"]["Running"]:
                return str(found["Id"])
            self.remove(found["Id"])
        raise TargetUnreachable(
            f"The container {self.helper_name} does not stay: somebody ends it."
        )

    def helper_mounts(self) -> list[Mount]:
        """The whole volume, and the folders of data so that their paths can be looked at."""
        return [Mount(ROOT, self.volume, type="volume"), *map(data_mount, self.data)]

    def remove(self, container: str) -> None:
        """Remove a container, dead or alive; one that is gone or on its way is no error."""
        with suppress(NotFound):
            try:
                self.engine.api.remove_container(container, force=True, v=True)
            except APIError as error:
                if error.status_code != CONFLICT:
                    raise

    @property
    def helper_name(self) -> str:
        """What the helper is called. Targets that share a volume have one for each setting."""
        return f"{self.volume}.helper-{self._settings}"

    @property
    def _settings(self) -> str:
        """What makes a helper another one."""
        told = (self.image, self.user, self.python, self.data, self.platform, self.owner, _IDLE)
        facts = repr(told)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    def _make_helper(self) -> None:
        """It gets its name when it is ready: who finds it under its name can use it at once."""
        api, name = self.engine.api, f"{self.helper_name}.{secrets.token_hex(4)}"
        api.create_volume(self.volume, labels=self._ours)
        uid, _, gid = self.user.partition(":")
        config = api.create_host_config(
            mounts=self.helper_mounts(),
            network_mode="none",
            log_config=LogConfig(type="none"),
            security_opt=["no-new-privileges"],
        )
        command = [self.python, "-I", "-S", "-c", _IDLE, ROOT, uid, gid]
        made = self.create(
            name,
            command=command,
            host_config=config,
            labels=self.labels("helper"),
            user="0:0",
            stdin_open=False,
        )
        try:
            self._await_ready(made)
            api.rename(made, self.helper_name)
        except APIError as error:
            self.remove(made)
            if error.status_code != CONFLICT:  # else another process was faster
                raise
        except BaseException:
            self.remove(made)
            raise

    def _await_ready(self, container: str) -> None:
        said = self.output(container, until=_READY)
        if not said.endswith(_READY):
            last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise TargetRefused(f"The helper container ended at once. {''.join(last)}")

    def output(self, container: str, *, until: bytes = b"") -> bytes:
        """Start a container and hear what it says, until it has said `until` or ends."""
        path, said = f"/containers/{container}/attach?stream=1&stdout=1&stderr=1", b""
        with self.engine.stream(path, {}) as stream, stream.makefile("rb") as lines:
            self.start(container)
            while len(said) < _MOST_SAID_BYTES and not (until and said.endswith(until)):
                head = lines.read(8)
                if len(head) < 8:
                    break
                said += lines.read(int.from_bytes(head[4:], "big"))
        return said

    # -- the container of a run

    def create_task(
        self,
        task: str,
        *,
        role: str,
        runner_sha: str,
        image: str = "",
        python: str = "",
        mounts: Sequence[Mount] = (),
        gpus: Sequence[str] = (),
        stop_s: float,
    ) -> str:
        """Make the container of a task, not started: its id, "" when there is one already.

        Of the volume it sees its own folder, read-only the runner, and what else is mounted.
        Made from the site's image and kept by its Python, unless another is named.
        """
        runner = f"{ROOT}/runner/{runner_sha}"
        own = [self.part(f"tasks/{task}"), self.part(f"runner/{runner_sha}", read_only=True)]
        config = self.run_config([*own, *mounts, *self.more_mounts()], gpus)
        if role == "build":  # what becomes an image shall not have what was there for a while
            config["Tmpfs"] = {"/tmp": "exec,mode=1777"}  # noqa: S108  (the container's own)
        try:
            return self.create(
                self.container_name(task),
                image=image,
                command=runner_argv(python or self.python, runner, "keep", f"{ROOT}/tasks/{task}"),
                host_config=config,
                labels={**self.labels(role), TASK: task},
                user=self.user,
                stdin_open=True,
                stop_timeout=int(stop_s),
            )
        except APIError as error:
            if error.status_code != CONFLICT:
                raise
            return ""

    def bring(self, container: str, folder: str, files: Mapping[str, str]) -> None:
        """Copy files of the studio's machine into a folder of a container, by name."""
        with tempfile.TemporaryFile() as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar:
                for name, source in files.items():
                    tar.add(source, name, filter=_for_everybody)
            archive.seek(0)
            self.engine.api.put_archive(container, folder, archive)

    def make_folder(self, container: str, folder: str) -> None:
        """Make a folder in a container that has not started; it is the run user's."""
        uid, _, gid = self.user.partition(":")
        entry = tarfile.TarInfo(folder.lstrip("/"))
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, int(uid), int(gid)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(entry)
        self.engine.api.put_archive(container, "/", archive.getvalue())

    def more_mounts(self) -> list[Mount]:
        """What else every run sees: nothing."""
        return []

    def run_config(self, mounts: Sequence[Mount], gpus: Sequence[str]) -> dict[str, Any]:
        """How a run is contained: no rights, no log of the engine's own, and its limits."""
        limits = self.limits
        found: dict[str, Any] = self.engine.api.create_host_config(
            mounts=list(mounts),
            network_mode=self.network,
            mem_limit=limits.memory_bytes or None,
            memswap_limit=limits.memory_bytes or None,  # else it may take as much swap again
            nano_cpus=limits.nano_cpus or None,
            shm_size=limits.shm_bytes or None,
            pids_limit=limits.pids or None,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            log_config=LogConfig(type="none"),
            device_requests=[DeviceRequest(device_ids=list(gpus), capabilities=[["gpu"]])]
            if gpus
            else None,
        )
        return found

    def create(self, name: str, *, image: str = "", **settings: Any) -> str:
        """Make a container from an image, the site's own by default: its id.

        What the image itself would start with does not count: our command is the first process.
        """
        if self.platform and self.engine.api_version < _PLATFORM_SINCE:
            raise TargetRefused(
                "The engine is too old to choose a platform of images: leave the target's empty."
            )
        try:
            made = self.engine.api.create_container(
                image or self.image,
                name=name,
                platform=self.platform or None,
                entrypoint=[],
                environment={"HOME": "/tmp"},  # noqa: S108  (a private one: the container's own)
                working_dir="/",
                use_config_proxy=False,
                **settings,
            )
        except ImageNotFound as error:
            raise self._no_image(image or self.image) from error
        return str(made["Id"])

    def _no_image(self, image: str) -> ImageMissing:
        kind = f" for {self.platform}" if self.platform else ""
        option = f"--platform {self.platform} " if self.platform else ""
        return ImageMissing(
            f"There is no image '{image}'{kind} on the engine: run 'docker pull {option}{image}' "
            "there, or name another image.",
            image,
        )

    def start(self, container: str) -> None:
        """Start a container; one that runs already is no error.

        Raises:
            TargetRefused: what it is to run, or to have, cannot be had; the sentence says what.
        """
        try:
            self.engine.api.start(container)
        except APIError as error:
            reason = str(error.explanation or error).strip().rstrip(".")
            if disk_full(reason):
                raise
            raise TargetRefused(f"The container could not be started: {reason}.") from error

    def state(self, task: str) -> Mapping[str, Any] | None:
        """What the engine says of a task's container; None when there is none.

        One that somebody has given another name is found by its labels.
        """
        return self._inspected(self.container_name(task)) or self._renamed(task)

    def _renamed(self, task: str) -> Mapping[str, Any] | None:
        label = [f"{VOLUME_LABEL}={self.volume}", f"{TASK}={task}"]
        found = self.engine.api.containers(all=True, filters={"label": label})
        return self._inspected(found[0]["Id"]) if found else None

    def _inspected(self, container: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self.engine.api.inspect_container(container)
        except NotFound:
            return None
        return found

    def may_mount(self, path: str) -> bool:
        """Whether an admin has said that data at this path may be mounted."""
        return any(PurePosixPath(path).is_relative_to(folder) for folder in self.data)

    def part(self, path: str, *, read_only: bool = False) -> Mount:
        """A part of the volume, at the path that it has in the helper too.

        An engine of API 1.45 or newer (Docker 26) mounts the part of a volume itself, wherever
        that lies. Of an older one we bind the folder inside the volume's own, whose path on the
        engine's machine it tells: that takes a volume of the driver `local`. Either way the
        folder has to be there when the container starts, and nothing beside it is to be seen.
        """
        target = f"{ROOT}/{path}"
        if self.engine.api_version >= _SUBPATH_SINCE:
            return Mount(
                target, self.volume, type="volume", read_only=read_only, subpath=path, no_copy=True
            )
        folder = _mountpoint(self.engine, self.volume)
        return Mount(target, f"{folder}/{path}", type="bind", read_only=read_only)


@lru_cache(maxsize=256)
def _mountpoint(engine: Engine, volume: str) -> str:
    """Where a volume lies on the engine's machine; it stays there as long as it lives."""
    return str(engine.api.inspect_volume(volume)["Mountpoint"])


def _for_everybody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.mode |= 0o444
    return entry


def data_mount(path: str) -> Mount:
    """A path of the engine's machine, to be read under its own name."""
    return Mount(path, path, type="bind", read_only=True)


def engine_from(config: Mapping[str, str]) -> Engine:
    """The engine that the settings of a target lead to."""
    tls = config.get("tls", "")
    return Engine(
        address=config["address"],
        ca=f"{tls}/ca.pem" if tls else "",
        cert=f"{tls}/cert.pem" if tls else "",
        key=f"{tls}/key.pem" if tls else "",
    )


def site_from(config: Mapping[str, str]) -> Site:
    """The site that the settings of a target describe; they have been checked."""
    return Site(
        engine=engine_from(config),
        image=config["image"],
        volume=config.get("volume", "runyard"),
        user=config.get("user", "1000:1000"),
        python=config.get("python", "python3"),
        network=config.get("network", "bridge"),
        limits=Limits(
            memory_bytes=size_bytes(config.get("memory", "0")),
            nano_cpus=int(float(config.get("cpus", "0")) * 1e9),
            shm_bytes=size_bytes(config.get("shm", "0")),
            pids=int(config.get("pids", "0")),
        ),
        data=tuple(
            folder.rstrip("/") for folder in config.get("data", "").replace(",", " ").split()
        ),
        owner=config.get("owner", ""),
        platform=config.get("platform", ""),
    )
