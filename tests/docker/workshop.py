"""The parts of a worker and of a monitor that environments on an engine need."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.errors import NotFound

from compute.models import ComputeTarget
from compute.services import studio_place, target_place
from compute.session import session_for
from environments.models import Build, Environment, EnvironmentVersion
from environments.services import (
    Building,
    EnvironmentState,
    Failed,
    Ready,
    build_ensure,
    build_finished,
    build_folder,
    build_store,
)
from environments.spec import spec_digest
from tests.docker.engine import IMAGE, DockerEngine
from tests.waiting import eventually

VOLUME = "workshop"


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """An archive of files that everybody may execute."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


class Workshop:
    """A target on the engine, with what asks for environments there and plays the monitor."""

    def __init__(self, workspace: Any, engine: DockerEngine, data_dir: Path) -> None:
        self.workspace, self.engine, self._data_dir = workspace, engine, data_dir
        self.target = ComputeTarget.objects.create(
            workspace=workspace,
            name="engine",
            kind="docker",
            config={"address": engine.address, "image": IMAGE, "volume": VOLUME},
        )

    def version(self, name: str, **spec: Any) -> EnvironmentVersion:
        """An environment as somebody defined it."""
        environment = Environment.objects.create(workspace=self.workspace, name=name)
        return EnvironmentVersion.objects.create(
            environment=environment, number=1, spec=spec, spec_digest=spec_digest(spec)
        )

    def ensure(
        self, version: EnvironmentVersion, waited_for: Build | None = None, anew: str = ""
    ) -> EnvironmentState:
        asked = {"version": version, "waited_for": waited_for, "anew": anew}
        with session_for(target_place(target=self.target)) as session:
            return build_ensure(target=self.target, session=session, **asked)

    def building(self, version: EnvironmentVersion) -> Build:
        state = self.ensure(version)
        assert isinstance(state, Building), state
        return state.build

    def finish(self, build: Build) -> Build:
        """Play the monitor, then the worker: all that follows when a build has ended."""
        self.ended(build)
        build_store(build_id=build.pk)
        build.refresh_from_db()
        return build

    def ended(self, build: Build) -> bytes:
        """Play the monitor: wait for the end of a build and tell of it; its log."""
        name = build_folder(build)
        place = studio_place() if build.on_studio else target_place(target=self.target)
        with session_for(place) as session:
            exited = eventually(
                lambda: session.look([name])[name].exited, timeout_s=60, what="the end of a build"
            )
        log = self.log(build)
        build_finished(build=build, exited=exited, receipt={"stored_bytes": 0}, log_tail=log)
        build.refresh_from_db()
        return log

    def log(self, build: Build) -> bytes:
        name = build_folder(build)
        if build.on_studio:
            return (self._data_dir / f"targets/studio/tasks/{name}/run.log").read_bytes()
        (helper,) = self.engine.api.containers(
            filters={"label": [f"runyard={VOLUME}", "runyard.role=helper"]}
        )
        try:
            path = f"/runyard/tasks/{name}/run.log"
            pieces, _ = self.engine.api.get_archive(helper["Id"], path)
        except NotFound:  # it has not said anything yet
            return b""
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
            found = tar.extractfile("run.log")
            assert found is not None
            return found.read()

    def ready(self, version: EnvironmentVersion) -> Ready:
        """The environment, after all the builds that it takes."""
        state = self.ensure(version)
        while isinstance(state, Building):
            state = self.ensure(version, waited_for=self.finish(state.build))
        assert isinstance(state, Ready), state
        return state

    def failed(self, version: EnvironmentVersion) -> str:
        """Why it cannot be had, after the builds that it takes to find out."""
        state = self.ensure(version)
        while isinstance(state, Building):
            state = self.ensure(version, waited_for=self.finish(state.build))
        assert isinstance(state, Failed), state
        return state.sentence

    def says(self, ready: Ready, code: str) -> str:
        """What Python prints in a container of the environment, as the run's user."""
        api = self.engine.api
        made = api.create_container(ready.image, [ready.python, "-c", code], user="1000:1000")
        try:
            api.start(made)
            assert api.wait(made)["StatusCode"] == 0, api.logs(made)
            return str(api.logs(made).decode().strip())
        finally:
            api.remove_container(made, force=True)

    def image(self, base: str, files: Mapping[str, bytes], name: str, **conf: Any) -> str:
        """An image like another, with more files."""
        api = self.engine.api
        made = api.create_container(base, ["true"])
        api.put_archive(made, "/", tar_of(files))
        repository, _, tag = name.rpartition(":")
        found = api.commit(made, repository=repository, tag=tag, conf=conf)
        api.remove_container(made)
        return str(found["Id"])

    def containers(self, role: str) -> list[Any]:
        """The containers of a kind, dead or alive."""
        label = [f"runyard={VOLUME}", f"runyard.role={role}"]
        return list(self.engine.api.containers(all=True, filters={"label": label}))
