"""What an installation has left on a Docker engine: containers, images, volumes and folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, NotFound

from compute.answers import RunnerRefused
from compute.containers import CONFLICT, OWNER, ROLE, TASK, VOLUME_LABEL, Site
from compute.image_names import BUILT
from compute.images import EngineImages
from compute.traces import CONTAINER, IMAGE, VOLUME, FolderTraces, Trace
from compute.transports.base import TargetRefused, TargetUnreachable

if TYPE_CHECKING:
    from compute.place import Place
    from compute.session import Session

_LIVES = ("running", "restarting", "paused")
_PURPOSES = {
    "helper": "It helped a target that is gone, or whose settings were changed.",
    "test": "It tried something out, and whoever started it was killed.",
}
"""Why a container is of no use that is no task's."""


class EngineTraces(FolderTraces):
    """Those whose labels name the installation, and the folders in the volume of the site."""

    def __init__(self, session: Session, site: Site) -> None:
        super().__init__(session)
        self._site = site

    def found(self, *, owner: str, neighbours: Sequence[Place]) -> list[Trace]:
        """As promised by `Traces`."""
        engine, sites = self._site.engine, [self._site]
        for place in neighbours:
            if place.images is not None and place.images.site.engine == engine:
                sites.append(place.images.site)
        ours = {"label": f"{OWNER}={owner}"}
        with engine.reached():
            containers = engine.api.containers(all=True, filters=ours)
            images = engine.api.images(filters=ours)
            volumes = engine.api.volumes(filters=ours)["Volumes"] or []
        return [
            *self._containers(containers, sites),
            *_images(images, {site.volume for site in sites}),
            *_volumes(volumes, {site.volume for site in sites}),
            *super().found(owner=owner, neighbours=neighbours),
        ]

    def weigh(self, traces: Sequence[Trace]) -> dict[str, int]:
        """As promised by `Traces`; what the engine cannot tell in time is left out."""
        sizes, kinds = super().weigh(traces), {trace.kind for trace in traces}
        api = self._site.engine.api
        with suppress(TargetUnreachable), self._site.engine.reached():
            if CONTAINER in kinds:
                for found in api.containers(all=True, size=True, filters={"label": OWNER}):
                    sizes[found["Names"][0].lstrip("/")] = int(found.get("SizeRw") or 0)
            if VOLUME in kinds:
                for found in api.df()["Volumes"] or []:
                    sizes[found["Name"]] = int(found["UsageData"]["Size"])
        return sizes

    def remove(self, trace: Trace) -> None:
        """As promised by `Traces`."""
        if trace.kind == CONTAINER:
            self._remove_container(trace)
        elif trace.kind == IMAGE:
            EngineImages(self._site).discard(trace.name)
        elif trace.kind == VOLUME:
            self._remove_volume(trace.name)
        else:
            super().remove(trace)

    def _containers(
        self, containers: Sequence[Mapping[str, Any]], sites: Sequence[Site]
    ) -> Iterator[Trace]:
        """Those of this target, and of targets that are no more."""
        others = {site.volume for site in sites} - {self._site.volume}
        helpers = {site.helper_name for site in sites}
        for found in containers:
            name, labels = found["Names"][0].lstrip("/"), found["Labels"]
            if labels[VOLUME_LABEL] in others or name in helpers:
                continue
            yield Trace(
                CONTAINER,
                name,
                float(found["Created"]),
                task=labels.get(TASK, ""),
                why=_PURPOSES.get(labels.get(ROLE, ""), ""),
                is_alive=found["State"] in _LIVES,
            )

    def _remove_container(self, trace: Trace) -> None:
        api = self._site.engine.api
        with self._site.engine.reached():
            try:
                found = api.inspect_container(trace.name)
            except NotFound:
                return
            if trace.task and found["State"]["Status"] in _LIVES:
                said = f"It still runs: end it with 'docker stop {trace.name}', then clean again."
                raise RunnerRefused(said, "alive")
            self._site.remove(found["Id"])

    def _remove_volume(self, name: str) -> None:
        with self._site.engine.reached():
            try:
                self._site.engine.api.remove_volume(name)
            except NotFound:
                return
            except APIError as error:
                if error.status_code != CONFLICT:
                    raise
                raise TargetRefused(f"The volume {name} is in use by a container.") from error


def _images(images: Sequence[Mapping[str, Any]], volumes: set[str]) -> Iterator[Trace]:
    """Those without a name, and those that were made for targets that are no more."""
    for found in images:
        volume, made_at = found["Labels"].get(VOLUME_LABEL, ""), float(found["Created"])
        size = int(found["Size"])
        names = [tag for tag in found["RepoTags"] or [] if tag.startswith(f"{BUILT}:")]
        if not found["RepoTags"]:
            why = "It was stored twice, and this one has no name."
            yield Trace(IMAGE, found["Id"], made_at, why=why, bytes=size)
        elif volume not in volumes:
            for name in names:
                yield Trace(IMAGE, name, made_at, why=_gone(volume), bytes=size)


def _volumes(found: Sequence[Mapping[str, Any]], volumes: set[str]) -> Iterator[Trace]:
    for volume in found:
        if volume["Name"] not in volumes:
            made_at = datetime.fromisoformat(volume["CreatedAt"]).timestamp()
            yield Trace(VOLUME, volume["Name"], made_at, why=_gone(volume["Name"]))


def _gone(volume: str) -> str:
    return f"No target uses the volume {volume} any more."


@dataclass(frozen=True)
class EngineTracing:
    """Makes the traces of a site for an open session; equal for equal sites."""

    site: Site

    def __call__(self, session: Session) -> EngineTraces:
        """The traces."""
        return EngineTraces(session, self.site)
