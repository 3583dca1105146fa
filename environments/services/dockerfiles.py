"""Images from somebody's own Dockerfile, made by the docker command beside the studio."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from compute import dockerfiles
from compute.docker_cli import docker_cli
from compute.image_names import BUILT
from compute.models import ComputeTarget
from compute.registries import registry_logins_used
from compute.selectors import registry_logins_for
from compute.services import studio_place
from compute.session import RunnerRefused, Session, session_for
from environments.buildkey import KeyParts
from environments.indexes import with_authority
from environments.models import Build, EnvironmentVersion
from environments.services.bases import Unusable, beside_studio, engine_words
from environments.services.builds import build_folder, build_launch, package_sources

_STEPS = "dockerfile 1"


def dockerfile_parts(version: EnvironmentVersion) -> KeyParts:
    """What counts: the Dockerfile, and the files that it can copy."""
    spec = version.spec
    text = json.dumps([spec["dockerfile"], spec.get("context", "")])
    return KeyParts(lock=hashlib.sha256(text.encode()).hexdigest(), steps=_STEPS)


def dockerfile_launch(*, build: Build, target: ComputeTarget, labels: dict[str, str]) -> None:
    """Set the docker command going for a build, unless it is.

    Raises:
        Unusable: there is no command that can do it, or no context any more.
    """
    if build.status != Build.Status.QUEUED:
        return
    cli = docker_cli(settings.DOCKER_CLI, os.environ.get("PATH", os.defpath))
    if not cli:
        raise Unusable(
            "Building a Dockerfile needs a docker command with BuildKit beside the studio, and "
            "there is none: install docker-buildx, or name one by RUNYARD_DOCKER_CLI. An "
            "environment from requirements needs none."
        )
    sources = package_sources(build, has_our_uv=True)
    authority = with_authority(sources.authority) if sources.authority else ""
    order = {
        "cli": cli,
        "engine": engine_words(target),
        "tag": f"{BUILT}:{build.key}",
        "labels": labels,
        "secrets": sorted(sources.variables),
        "authority": bool(authority),
        "fresh": bool(build.cause),  # somebody wants it made anew: nothing from the cache
    }
    logins = registry_logins_for(workspace=target.workspace)
    work = beside_studio(
        "compute.dockerfiles",
        order,
        secrets={**sources.variables, dockerfiles.LOGINS: json.dumps(logins)},
        files={
            "order/Dockerfile": build.version.spec["dockerfile"],
            **({dockerfiles.AUTHORITY: authority} if authority else {}),
        },
    )
    passwords = [login["password"] for login in logins.values()]
    work = replace(work, hidden=[*sources.hidden, *passwords])
    with session_for(studio_place()) as session:
        if context := build.version.spec.get("context"):
            _lay_out(session, build_folder(build), str(context))
        build_launch(build=build, session=session, work=work)
    if build.status == Build.Status.RUNNING:
        registry_logins_used(workspace=target.workspace, hosts=list(logins))


def _lay_out(session: Session, folder: str, context: str) -> None:
    """The files of the context, from the store that the studio itself has."""
    try:
        manifest = Path(session.place.blobs, context[:2], context).read_bytes()
        missing = session.materialise(folder, manifest)
    except OSError:
        missing = {context}
    except RunnerRefused as error:
        if error.code != "claimed":
            raise
        return  # who launched it died, and it goes on
    if missing:
        raise Unusable(
            "The files of its build context are not kept any more: send the folder again, as "
            "another version of the environment."
        )
