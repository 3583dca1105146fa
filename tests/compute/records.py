"""Runs in the database that stand on a target, in their plainest form."""

from __future__ import annotations

import secrets
from typing import Any

from compute.models import ComputeTarget
from environments.models import Build, Environment, EnvironmentVersion, Lock
from runs.models import Experiment, Run, Snapshot


def make_run(target: ComputeTarget, **more: Any) -> Run:
    """A run on this target; queued, unless told otherwise."""
    workspace = target.workspace
    experiment, _ = Experiment.objects.get_or_create(workspace=workspace, name="default")
    snapshot, _ = Snapshot.objects.get_or_create(
        workspace=workspace, digest="0" * 64, defaults={"file_count": 0, "size_bytes": 0}
    )
    return Run.objects.create(
        uid=secrets.token_hex(6),
        workspace=workspace,
        experiment=experiment,
        target=target,
        snapshot=snapshot,
        environment_version=_version(target),
        name="train",
        **more,
    )


def make_build(target: ComputeTarget, **more: Any) -> Build:
    """A build on this target."""
    version = _version(target)
    lock, _ = Lock.objects.get_or_create(version=version, python_version="3.11", platform="linux")
    key = secrets.token_hex(8)
    return Build.objects.create(target=target, version=version, lock=lock, key=key, **more)


def _version(target: ComputeTarget) -> EnvironmentVersion:
    environment, _ = Environment.objects.get_or_create(workspace=target.workspace, name="minimal")
    version, _ = EnvironmentVersion.objects.get_or_create(
        environment=environment, number=1, defaults={"spec": {}, "spec_digest": "0" * 64}
    )
    return version
