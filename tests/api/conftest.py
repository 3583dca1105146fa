"""Callers of the API and things for them to ask about."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from compute.models import ComputeTarget
from environments.services.environments import environment_bootstrap_curated, environment_pick
from runs.models import Attempt, Experiment, Run
from runs.services.snapshots import blobs_claim, snapshot_create
from runs.stores import blob_store
from studio.models import User, Workspace
from tests.api.caller import Caller

MakeRun = Callable[..., Run]


@pytest.fixture
def owner(alice: User) -> Caller:
    return Caller(alice)


@pytest.fixture
def member(bob: User) -> Caller:
    return Caller(bob)


@pytest.fixture
def viewer(vera: User) -> Caller:
    return Caller(vera)


@pytest.fixture
def stranger(charlie: User) -> Caller:
    return Caller(charlie)


@pytest.fixture
def nobody(db: None) -> Caller:
    return Caller(None)


@pytest.fixture
def digest(workspace: Workspace) -> str:
    """A snapshot with one script."""
    text = b"print('hello')\n"
    sha, size = blob_store().put(text)
    blobs_claim(workspace=workspace, blobs=[(sha, size)])
    manifest = b'[{"mode":420,"path":"train.py","sha":"%s","size":%d}]' % (sha.encode(), size)
    made, missing = snapshot_create(workspace=workspace, manifest_json=manifest)
    assert missing == []
    return made


@pytest.fixture
def make_run(workspace: Workspace, target: ComputeTarget, digest: str, bob: User) -> MakeRun:
    """Makes runs of bob's, as records only: nothing runs."""
    environment_bootstrap_curated(workspace=workspace)
    version, why = environment_pick(workspace=workspace, name="minimal", folder_requirements=None)
    experiment, _ = Experiment.objects.get_or_create(workspace=workspace, name="ridge")
    snapshot = workspace.snapshots.get(digest=digest)

    def make(**fields: Any) -> Run:
        run = Run.objects.create(
            **{
                "uid": secrets.token_hex(6),
                "workspace": workspace,
                "experiment": experiment,
                "target": target,
                "snapshot": snapshot,
                "environment_version": version,
                "environment_why": why,
                "submitted_by": bob,
                "name": "train",
                "script": "train.py",
                "command": ["python", "train.py"],
                "outputs": ["outputs/**"],
                **fields,
            }
        )
        Attempt.objects.create(run=run, number=1, folder=f"test-run-{run.pk}-1")
        return run

    return make


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    return make_run()
