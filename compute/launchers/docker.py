"""Tasks as containers of a Docker engine, each with the runner's keeper as its first process."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker.errors import APIError
from docker.types import Mount
from uv import find_uv_bin

from compute.answers import RunnerRefused
from compute.containers import ROOT, Site, data_mount
from compute.deaths import container_died, container_starved, container_stopped
from compute.launchers.base import Handle, LaunchSpec, Report, Witness
from compute.transports.base import TargetRefused

if TYPE_CHECKING:
    from compute.session import Session

_CACHE = "uv-cache"
_TRUSTED = "trusted.pem"
_MORE_S = 5.0
"""So much longer than its grace a keeper gets when the engine itself goes down."""
_SECRETS_S = 10.0


class DockerLauncher:
    """A `Launcher` through the session in the helper, which prepares, and the engine's API.

    Two things together make it exactly once: no two containers can have the name of a task,
    and the keeper in one claims the folder, so that nothing starts again in a second.
    """

    def __init__(self, session: Session, site: Site) -> None:
        self._session = session
        self._site = site

    def launch(self, spec: LaunchSpec) -> Handle:
        """As promised by `Launcher`.

        Raises:
            TargetRefused: the engine cannot start such a container.
        """
        name = spec.name
        handle = {
            "kind": "docker",
            "name": name,
            "container": self._site.container_name(name),
            "runner": self._session.runner_sha,
        }
        has_secrets = bool(spec.secrets or spec.mask)
        try:
            self._session.prepare(
                name, {**_contained(spec), "stdin": has_secrets}, _build_inside(spec)
            )
        except RunnerRefused as error:
            if error.code != "claimed":
                raise
            if not (has_secrets and self._waits_for_secrets(name)):
                return handle
        else:
            self._create(spec)
        self._start(spec, has_secrets=has_secrets)
        return handle

    def pending(self, handles: Sequence[Handle]) -> Mapping[str, Report]:
        """Nothing: an engine starts what it is told to at once."""
        del handles
        return {}

    def alive(self, handle: Handle) -> bool:
        """As promised by `Launcher`; the engine knows, also where the runner cannot look."""
        with self._site.engine.reached():
            found = self._site.state(handle["name"])
        return found is not None and _lives(found)

    def stop(self, handle: Handle, *, grace_s: float, reason: str) -> None:
        """As promised by `Launcher`: the keeper ends the tree, and hears of it at once.

        Also one that somebody has paused or suspended: it goes on, to its end.
        """
        name = handle["name"]
        self._session.stop(name, reason=reason, grace_s=grace_s)
        with self._site.engine.reached(), suppress(APIError):  # it has ended, or never was
            api, found = self._site.engine.api, self._site.state(name)
            if found is not None and found["State"]["Paused"]:
                api.unpause(found["Id"])
            if found is not None:
                for number in (signal.SIGCONT, signal.SIGUSR1):
                    api.kill(found["Id"], int(number))

    def settle(self, handle: Handle) -> str:
        """As promised by `Launcher`, from what the engine says of the container."""
        name = handle["name"]
        with self._site.engine.reached():
            found = self._site.state(name)
        if found is not None and found["State"]["Paused"]:
            return (
                "Its container is paused on the engine: "
                f"'docker unpause {found['Name'].lstrip('/')}' there lets it go on."
            )
        if found is None or not (_lives(found) or found["State"]["Status"] == "created"):
            self._conclude(handle, found)
        return ""

    def witness(self, handle: Handle, *, reason: str) -> Witness:
        """As promised by `Launcher`, from what the engine remembers."""
        name = handle["name"]
        ask = container_starved if reason == "out_of_memory" else container_stopped
        with self._site.engine.reached():
            return ask(self._site, name, self._site.state(name))

    def release(self, handle: Handle) -> None:
        """As promised by `Launcher`: the container goes, with what was written beside the folder.

        The folder stays claimed, so a second container would start nothing.
        """
        with self._site.engine.reached():
            self._remove(handle["name"])

    def clear(self, handle: Handle) -> None:
        """As promised by `Launcher`: the container first, then the folder."""
        name = handle["name"]
        if self.alive(handle):
            raise RunnerRefused(f"Cannot clear task {name}: its container runs.", "alive")
        self.settle(handle)
        with self._site.engine.reached():
            self._remove(name)
        self._session.clear(name)

    def _remove(self, name: str) -> None:
        """Remove a task's container, whatever somebody may have called it meanwhile."""
        found = self._site.state(name)
        if found is not None:
            self._site.remove(found["Id"])

    def _conclude(self, handle: Handle, found: Mapping[str, Any] | None) -> None:
        """Record the end of a task whose container is dead, unless it did so itself."""
        name = handle["name"]
        if self._session.look([name])[name].exited is not None:
            return
        with self._site.engine.reached():
            told = container_died(self._site, name, found)
        was_launched = found is not None or "container" in handle
        self._session.conclude(
            name, reason=told.reason, error=told.sentence, unclaimed=was_launched
        )

    def _create(self, spec: LaunchSpec) -> None:
        for path in spec.data:
            if not self._site.may_mount(path):
                raise TargetRefused(
                    f"{path} lies in none of the folders that this target may mount: an admin "
                    "adds its folder to the target's data folders."
                )
        with self._site.engine.reached():
            self._site.create_task(
                spec.name,
                role="run" if spec.build is None else "build",
                runner_sha=self._session.runner_sha,
                image=spec.image,
                python=spec.python,
                mounts=self._mounts(spec),
                gpus=spec.gpus,
                stop_s=float(spec.spec.get("grace_s") or 0) + _MORE_S,
            )

    def _mounts(self, spec: LaunchSpec) -> list[Mount]:
        """What a task sees beside its own folder: a build uv's cache, a run its data."""
        if spec.build is not None:
            return [self._site.part(_CACHE)]
        return list(map(data_mount, spec.data))

    def _start(self, spec: LaunchSpec, *, has_secrets: bool) -> None:
        """Let the container go, and hand the secrets over, which are kept in memory alone."""
        engine, container = self._site.engine, self._site.container_name(spec.name)
        with engine.reached(), ExitStack() as held:
            found = self._site.state(spec.name)
            is_new = found is not None and found["State"]["Status"] == "created"
            if has_secrets:
                path = f"/containers/{container}/attach?stream=1&stdin=1"
                stdin = held.enter_context(engine.stream(path, {}))
            if is_new:
                try:
                    if spec.build is not None:
                        self._bring_tools(spec.name, str(spec.build["path"]))
                    self._site.start(container)
                except (TargetRefused, APIError):
                    self._site.remove(container)
                    raise
            if has_secrets:
                _send(stdin, {"secrets": dict(spec.secrets), "mask": list(spec.mask)})

    def _bring_tools(self, name: str, path: str) -> None:
        """What a build works with goes into its folder, so that nothing of it enters the image."""
        container = self._site.container_name(name)
        self._site.make_folder(container, path.rpartition("/")[0])
        self._site.bring(container, _folder(name), {"uv": find_uv_bin(), **_trusted()})

    def _waits_for_secrets(self, name: str) -> bool:
        """Whether who launched it died before it could hand the secrets over."""
        state = self._session.look([name])[name]
        return state.command == "none" and state.exited is None


def _lives(found: Mapping[str, Any]) -> bool:
    return bool(found["State"]["Running"] or found["State"]["Restarting"])


def _contained(spec: LaunchSpec) -> dict[str, Any]:
    """The spec as it is right within: GPUs that are lent by index are counted anew there."""
    found = dict(spec.spec)
    if spec.build is not None:
        trusted = {"SSL_CERT_FILE": f"{_folder(spec.name)}/{_TRUSTED}"} if _trusted() else {}
        found["env"] = {**found.get("env", {}), **trusted}
    if spec.gpus and all(gpu.isdigit() for gpu in spec.gpus):
        devices = ",".join(str(index) for index in range(len(spec.gpus)))
        found["env"] = {**found.get("env", {}), "CUDA_VISIBLE_DEVICES": devices}
    return found


def _trusted() -> dict[str, str]:
    """The authorities that the studio was told to trust: what they are called, where they are."""
    here = os.environ.get("SSL_CERT_FILE", "")
    return {_TRUSTED: here} if Path(here).is_file() else {}


def _build_inside(spec: LaunchSpec) -> dict[str, Any] | None:
    """A build with the uv that is brought along; its cache lies on the volume, for all builds."""
    if spec.build is None:
        return None
    return {**spec.build, "uv": f"{_folder(spec.name)}/uv", "cache": f"{ROOT}/{_CACHE}"}


def _folder(name: str) -> str:
    return f"{ROOT}/tasks/{name}"


def _send(stdin: socket.socket, frame: Mapping[str, object]) -> None:
    head = json.dumps(frame).encode()
    stdin.settimeout(_SECRETS_S)
    stdin.sendall(struct.pack(">II", len(head), 0) + head)


@dataclass(frozen=True)
class DockerLaunching:
    """Makes the launcher of a site for an open session; equal for equal sites."""

    site: Site

    def __call__(self, session: Session) -> DockerLauncher:
        """The launcher."""
        return DockerLauncher(session, self.site)
