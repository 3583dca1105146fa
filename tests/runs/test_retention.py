"""What goes and what stays when runs are deleted and the studio is pruned."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from compute.models import ComputeTarget
from environments.services import environment_create
from runs.models import Artifact, Blob, Run, Snapshot
from runs.services.retention import (
    run_delete,
    run_deletion,
    run_purge,
    run_restore,
    studio_prune,
    trash_empty,
)
from runs.services.snapshots import blobs_claim, snapshot_store
from runs.snapshots import Entry, Manifest
from runs.states import Status
from runs.stores import blob_store, log_store
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import User, Workspace
from tests.compute.records import make_build, make_run

pytestmark = pytest.mark.django_db

TWO_DAYS_S = 2 * 24 * 3600


def keep(workspace: Workspace, content: bytes) -> str:
    """Store a content that the workspace claims; both are two days old and unpinned."""
    sha, size = blob_store().put(content)
    blobs_claim(workspace=workspace, blobs=[(sha, size)])
    age(sha)
    return sha


def age(sha: str) -> None:
    """Make a stored content two days old, and its claims unpinned."""
    past = time.time() - TWO_DAYS_S
    os.utime(blob_store().path(sha), (past, past))
    Blob.objects.filter(sha=sha).update(pinned_until=timezone.now() - timedelta(days=1))


def snapshot_of(workspace: Workspace, content: bytes) -> tuple[Snapshot, str]:
    """A snapshot with one file, two days old."""
    sha = keep(workspace, content)
    entry = Entry(path="a.py", mode=0o644, size=len(content), sha=sha)
    snapshot = snapshot_store(workspace=workspace, manifest=Manifest.of([entry]))
    age(sha)
    age(snapshot.digest)
    Snapshot.objects.update(created_at=timezone.now() - timedelta(days=2))
    return snapshot, sha


def test_a_live_run_is_not_deleted(alice: User, target: ComputeTarget) -> None:
    run = make_run(target, status=Status.RUNNING)
    for service in (run_delete, run_purge):
        with pytest.raises(Refused, match="cancel it"):
            service(user=alice, run=run)
    assert Run.objects.filter(pk=run.pk).exists()


def test_viewers_and_strangers_delete_nothing(
    vera: User, charlie: User, target: ComputeTarget
) -> None:
    run = make_run(target, status=Status.COMPLETED)
    for service in (run_delete, run_purge, run_restore):
        with pytest.raises(Forbidden):
            service(user=vera, run=run)
        with pytest.raises(NotFound):
            service(user=charlie, run=run)
    assert Run.objects.filter(pk=run.pk, deleted_at=None).exists()


def test_the_preview_is_what_goes(alice: User, target: ComputeTarget) -> None:
    run = make_run(target, status=Status.COMPLETED)
    log_store().append(f"run/{run.pk}/1/run.log", 0, b"12345")
    Artifact.objects.create(
        run=run, path="outputs/m", sha=keep(run.workspace, b"abc"), size_bytes=3
    )
    preview = run_deletion(run=run)
    assert (preview.log_bytes, preview.artifacts, preview.artifact_bytes) == (5, 1, 3)
    assert run_purge(user=alice, run=run) == preview
    assert not log_store().keys(f"run/{run.pk}/")
    assert not Run.objects.filter(pk=run.pk).exists()


def test_the_trash_keeps_a_run_for_a_week(alice: User, target: ComputeTarget) -> None:
    young, old, restored = (make_run(target, status=Status.FAILED) for _ in range(3))
    for run in (young, old, restored):
        log_store().append(f"run/{run.pk}/1/run.log", 0, b"12345")
        run_delete(user=alice, run=run)
    run_restore(user=alice, run=restored)
    Run.objects.filter(pk__in=(old.pk, restored.pk)).exclude(deleted_at=None).update(
        deleted_at=timezone.now() - timedelta(days=7, minutes=1)
    )
    Run.objects.filter(pk=young.pk).update(deleted_at=timezone.now() - timedelta(days=6, hours=23))
    assert trash_empty() == 1
    assert set(Run.objects.all()) == {young, restored}
    assert not log_store().keys(f"run/{old.pk}/")
    assert log_store().keys(f"run/{young.pk}/")
    with pytest.raises(Refused, match="not in the trash any more"):
        run_restore(user=alice, run=old)


def test_a_run_is_deleted_once(alice: User, target: ComputeTarget) -> None:
    run = make_run(target, status=Status.FAILED)
    run_delete(user=alice, run=run)
    since = Run.objects.get(pk=run.pk).deleted_at
    with pytest.raises(Refused):
        run_delete(user=alice, run=run)
    assert Run.objects.get(pk=run.pk).deleted_at == since


def test_prune_keeps_what_a_run_or_an_artifact_needs(target: ComputeTarget) -> None:
    run = make_run(target, status=Status.COMPLETED)
    run.snapshot, code = snapshot_of(run.workspace, b"print(1)")
    diff = keep(run.workspace, b"the diff")
    run.git = {"diff": diff}
    run.save()
    made = keep(run.workspace, b"model")
    Artifact.objects.create(run=run, path="outputs/m", sha=made, size_bytes=5)
    studio_prune()
    assert all(blob_store().has(sha) for sha in (code, diff, made, run.snapshot.digest))


def test_prune_frees_what_nothing_needs_any_more(workspace: Workspace) -> None:
    snapshot, code = snapshot_of(workspace, b"print(2)")
    loose = keep(workspace, b"sent, then never used")
    studio_prune()
    assert not Snapshot.objects.filter(pk=snapshot.pk).exists()
    assert not any(blob_store().has(sha) for sha in (code, loose, snapshot.digest))


def test_prune_keeps_the_build_context_of_an_environment(workspace: Workspace, alice: User) -> None:
    snapshot, sha = snapshot_of(workspace, b"the context")
    environment_create(
        user=alice,
        workspace=workspace,
        name="image",
        dockerfile="FROM a\nCOPY . .\n",
        context=snapshot.digest,
    )
    age(sha)
    age(snapshot.digest)
    studio_prune()
    assert Snapshot.objects.filter(pk=snapshot.pk).exists()
    assert blob_store().has(sha)


def test_prune_leaves_what_was_sent_today(workspace: Workspace) -> None:
    sha, size = blob_store().put(b"fresh")
    blobs_claim(workspace=workspace, blobs=[(sha, size)])
    studio_prune()
    assert blob_store().has(sha)


def test_a_content_that_another_workspace_claims_stays(workspace: Workspace, charlie: User) -> None:
    sha = keep(workspace, b"shared by accident")
    other = Workspace.objects.exclude(pk=workspace.pk).get()
    blobs_claim(workspace=other, blobs=[(sha, 18)])
    studio_prune()
    assert blob_store().has(sha)
    assert not Blob.objects.filter(workspace=workspace, sha=sha).exists()


def test_the_logs_of_builds_go_with_their_environment(target: ComputeTarget) -> None:
    kept, gone = make_build(target), make_build(target)
    for build in (kept, gone):
        log_store().append(build.log_key, 0, b"Installed 1 package\n")
    key = gone.log_key
    gone.delete()
    studio_prune()
    assert log_store().keys("build/") == [kept.log_key]
    assert log_store().size(key) == 0
