"""Visitors and things for them to look at; runs are records only, nothing runs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from compute.models import DataPath, NamedData
from environments.models import Build, Lock
from runs.models import Artifact, Run, RunEvent, Source
from runs.services.snapshots import blobs_claim, snapshot_create
from runs.stores import blob_store, log_store
from studio.models import User, Workspace
from tests.api.conftest import MakeRun, make_run, run  # noqa: F401
from tests.pages.visitor import Visitor

RunOf = Callable[..., Run]


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """What an earlier test learned about the queue is forgotten."""
    from studio.lib import queue

    queue._health.cache_clear()


@pytest.fixture
def owner(alice: User) -> Visitor:
    return Visitor(alice)


@pytest.fixture
def member(bob: User) -> Visitor:
    return Visitor(bob)


@pytest.fixture
def viewer(vera: User) -> Visitor:
    return Visitor(vera)


@pytest.fixture
def stranger(charlie: User) -> Visitor:
    return Visitor(charlie)


@pytest.fixture
def nobody(db: None) -> Visitor:
    return Visitor(None)


@pytest.fixture
def digest(workspace: Workspace) -> str:
    """A snapshot with a script, a folder, a binary and a link."""
    files = {
        "train.py": b"print('<b>hello</b>')\n",
        "items/deep/util.py": b"x = 1\n",
        "picture.bin": b"\0\1\2",
    }
    blobs = {path: blob_store().put(data) for path, data in sorted(files.items())}
    blobs_claim(workspace=workspace, blobs=blobs.values())
    entries = [
        f'{{"mode":420,"path":"{path}","sha":"{sha}","size":{size}}}'
        for path, (sha, size) in blobs.items()
    ]
    entries.append('{"link":"train.py","path":"same.py"}')
    manifest = f"[{','.join(entries)}]".encode()
    made, missing = snapshot_create(workspace=workspace, manifest_json=manifest)
    assert missing == []
    return made


@pytest.fixture
def run_of(make_run: MakeRun, workspace: Workspace) -> RunOf:  # noqa: F811
    """Makes runs of these files, {path: content}, with these fields."""

    def make(files: dict[str, bytes], **fields: object) -> Run:
        blobs = {path: blob_store().put(data) for path, data in sorted(files.items())}
        blobs_claim(workspace=workspace, blobs=blobs.values())
        entries = [
            {"path": path, "mode": 0o644, "size": size, "sha": sha}
            for path, (sha, size) in blobs.items()
        ]
        text = json.dumps(entries).encode()
        made, missing = snapshot_create(workspace=workspace, manifest_json=text)
        assert missing == []
        return make_run(snapshot=workspace.snapshots.get(digest=made), **fields)

    return make


@pytest.fixture
def build(run: Run) -> Build:  # noqa: F811
    """A finished build of the run's environment, with a log."""
    lock, _ = Lock.objects.get_or_create(
        version=run.environment_version,
        python_version="3.11",
        platform="linux",
        defaults={"text": "numpy==2.0 \\\n    --hash=sha256:00\n"},
    )
    made = Build.objects.create(
        target=run.target, version=run.environment_version, lock=lock, key="k", status="ready"
    )
    log_store().append(made.log_key, 0, b"Installed 1 package\n")
    Run.objects.filter(pk=run.pk).update(build=made)
    return made


@pytest.fixture
def told(run: Run) -> Run:  # noqa: F811
    """A completed run with a log, a log file, an artifact, a metric, samples and a history."""
    log_store().append(f"run/{run.pk}/1/run.log", 0, b"first\n\x1b[31mred <i>\x1b[0m\n")
    log_store().append(f"run/{run.pk}/1/logs/side.txt", 0, b"aside\n")
    sample = b'{"t": %d, "cpu_percent": 50, "rss_bytes": 1000000, "processes": 1}\n'
    log_store().append(f"run/{run.pk}/1/samples.jsonl", 0, sample % 1 + sample % 6)
    sha, size = blob_store().put(b"weights")
    Artifact.objects.create(run=run, path="outputs/mo del.pkl", sha=sha, size_bytes=size)
    run.series.create(name="items", last=0.5, count=3, minimum=0.1, maximum=0.9)
    RunEvent.objects.create(run=run, kind="moved", old_status="queued", new_status="preparing")
    named = NamedData.objects.create(
        workspace=run.workspace, name="mnist", variable="RUNYARD_DATA_MNIST"
    )
    DataPath.objects.create(data=named, target=run.target, path="/data/mnist")
    source = Source.objects.create(workspace=run.workspace, name="ridge & lasso", kind="upload")
    source.states.create(snapshot=run.snapshot)
    Run.objects.filter(pk=run.pk).update(source=source)
    end(run, "completed", "exited_zero", "The command ended with exit code 0.", name="wolframite")
    return run


def end(run: Run, status: str, reason: str, text: str = "", **fields: object) -> None:  # noqa: F811
    """Put a run's record into a final status, with the event that goes with it."""
    from django.utils import timezone

    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(
        status=status,
        end_reason=reason,
        end_sentence=text,
        started_at=now,
        ended_at=now,
        **fields,
    )
    RunEvent.objects.create(
        run=run, kind="moved", old_status="finalizing", new_status=status, text=text
    )
    run.refresh_from_db()
