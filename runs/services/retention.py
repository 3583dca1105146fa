"""Deleting runs and freeing what nothing refers to any more."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from compute.services import target_place
from compute.session import RunnerRefused, session_for
from compute.transports.base import TargetRefused, TargetUnreachable
from environments.models import Build, EnvironmentVersion
from runs.models import Artifact, Attempt, Blob, Run, Snapshot
from runs.selectors.files import snapshot_manifest
from runs.selectors.runs import TRASH_DAYS
from runs.services.move import run_changed
from runs.states import FINAL
from runs.stores import blob_store, log_store
from studio.lib.push import push
from studio.lib.refusal import Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit

FOLDERS_KEPT = timedelta(days=7)
"""How long the folder of an ended attempt stays on its target, for "keep" and for a look."""


@dataclass(frozen=True)
class Deletion:
    """What would go with a run."""

    runs: int
    log_bytes: int
    artifacts: int
    artifact_bytes: int


@dataclass(frozen=True)
class DiskUse:
    """Bytes on the studio's disk by kind."""

    log_bytes: int
    blob_bytes: int
    database_bytes: int
    free_bytes: int


def run_deletion(*, run: Run) -> Deletion:
    """What deleting this run would remove; contents that others use stay."""
    files = list(run.artifacts.values_list("sha", "size_bytes"))
    return Deletion(
        runs=1,
        log_bytes=log_store().usage(f"run/{run.pk}/"),
        artifacts=len(files),
        artifact_bytes=sum(size for _, size in files),
    )


def run_delete(*, user: User, run: Run) -> None:
    """Put an ended run into the trash, where it is kept for a week; nothing else shows it.

    Raises:
        Refused: the run is still live.
        Forbidden: the user may not write here.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    rows = Run.objects.filter(pk=run.pk, status__in=FINAL, deleted_at=None)
    if not rows.update(deleted_at=timezone.now()):
        raise Refused(
            f"Run {run.pk} is {run.status}: cancel it and wait for its end, then delete it."
        )
    audit(user=user, workspace=run.workspace, action="run.delete", subject=f"run {run.pk}")
    run_changed(run_id=run.pk, workspace_id=run.workspace_id)


def run_restore(*, user: User, run: Run) -> None:
    """Take a run out of the trash.

    Raises:
        Refused: it is not there any more.
        Forbidden: the user may not write here.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    if not Run.objects.filter(pk=run.pk).exclude(deleted_at=None).update(deleted_at=None):
        raise Refused(f"Run {run.pk} is not in the trash any more: it was restored, or is gone.")
    audit(user=user, workspace=run.workspace, action="run.restore", subject=f"run {run.pk}")
    run_changed(run_id=run.pk, workspace_id=run.workspace_id)


def run_purge(*, user: User | None, run: Run) -> Deletion:
    """Remove an ended run for good, with its log, metrics and artifact records: what went.

    `user` is None for the studio itself.

    Raises:
        Refused: the run is still live.
        Forbidden: the user may not write here.
    """
    if user is not None:
        require_role(user, run.workspace, Role.CONTRIBUTOR)
    if not run.is_final:
        raise Refused(
            f"Run {run.pk} is {run.status}: cancel it and wait for its end, then delete it."
        )
    gone = run_deletion(run=run)
    run_id, workspace = run.pk, run.workspace
    for attempt in run.attempts.filter(folder_cleared_at=None).select_related("run__target"):
        _clear(attempt)
    with transaction.atomic():
        run.delete()
        audit(user=user, workspace=workspace, action="run.purge", subject=f"run {run_id}")
        push(f"workspace.{workspace.pk}", {"type": "run.changed", "run": run_id})
    log_store().delete(f"run/{run_id}/")
    return gone


def trash_empty() -> int:
    """Remove for good what lay in the trash for a week: how many runs."""
    over = timezone.now() - timedelta(days=TRASH_DAYS)
    old = Run.objects.filter(deleted_at__lt=over).select_related("workspace")
    count = 0
    for run_id in list(old.values_list("pk", flat=True)):
        if run := old.filter(pk=run_id).first():  # unless somebody restored it meanwhile
            run_purge(user=None, run=run)
            count += 1
    return count


def run_keep_file(*, user: User, run: Run, path: str) -> Artifact:
    """Make an artifact of a file outside the output patterns, while its folder still exists."""
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    listed = next((file for file in run.extra_files if file["path"] == path), None)
    attempt = run.attempts.order_by("-number")[0]
    if listed is None or attempt.folder_cleared_at is not None:
        raise Refused(
            f"'{path}' is not (or no longer) among the files that run {run.pk} left on its target.",
            field="path",
        )
    store = blob_store()
    try:
        with session_for(target_place(target=run.target)) as session, store.writer() as into:
            session.fetch(attempt.folder, path, into)
    except (TargetUnreachable, TargetRefused, RunnerRefused) as error:
        raise Refused(f"'{path}' could not be fetched: {error}", field="path") from error
    Blob.objects.update_or_create(
        workspace=run.workspace,
        sha=into.sha,
        defaults={"size_bytes": into.size, "pinned_until": timezone.now()},
    )
    artifact, _ = Artifact.objects.update_or_create(
        run=run, path=path, defaults={"sha": into.sha, "size_bytes": into.size}
    )
    Run.objects.filter(pk=run.pk).update(
        extra_files=[file for file in run.extra_files if file["path"] != path]
    )
    return artifact


def studio_prune() -> DiskUse:
    """Clear old folders on targets and contents that nothing refers to: what is left."""
    old = Attempt.objects.filter(
        run__status__in=FINAL,
        folder_cleared_at=None,
        ended_at__lt=timezone.now() - FOLDERS_KEPT,
    ).select_related("run__target")
    for attempt in old:
        _clear(attempt)
    for workspace in Workspace.objects.all():
        _drop_claims(workspace)
    _drop_blobs()
    _drop_build_logs()
    return disk_use()


def disk_use() -> DiskUse:
    """How much of the studio's disk each kind takes."""
    data: Path = settings.DATA_DIR
    return DiskUse(
        log_bytes=_tree_bytes(data / "logs"),
        blob_bytes=_tree_bytes(data / "blobs"),
        database_bytes=sum(p.stat().st_size for p in data.glob("db.sqlite3*")),
        free_bytes=shutil.disk_usage(data).free,
    )


def _clear(attempt: Attempt) -> None:
    """Remove an attempt's folder from its target; one that cannot be reached waits."""
    try:
        with session_for(target_place(target=attempt.run.target)) as session:
            session.place.launcher(session).clear(attempt.handle or {"name": attempt.folder})
    except (TargetUnreachable, TargetRefused, RunnerRefused):
        return
    Attempt.objects.filter(pk=attempt.pk).update(folder_cleared_at=timezone.now())


def _drop_claims(workspace: Workspace) -> None:
    """Drop the workspace's unpinned claims on contents that none of its things use."""
    used: set[str] = set()
    for snapshot in _living_snapshots(workspace):
        used.add(snapshot.digest)
        used.update(
            entry.sha for entry in snapshot_manifest(snapshot=snapshot).entries if entry.sha
        )
    used.update(Artifact.objects.filter(run__workspace=workspace).values_list("sha", flat=True))
    for git in Run.objects.filter(workspace=workspace).values_list("git", flat=True):
        if git.get("diff"):
            used.add(git["diff"])
    unpinned = Blob.objects.filter(workspace=workspace, pinned_until__lt=timezone.now())
    unused = [pk for pk, sha in unpinned.values_list("pk", "sha") if sha not in used]
    for start in range(0, len(unused), 500):
        Blob.objects.filter(pk__in=unused[start : start + 500]).delete()


def _living_snapshots(workspace: Workspace) -> list[Snapshot]:
    """Snapshots that something uses; the others go once their files are unpinned."""
    fresh = timezone.now() - timedelta(hours=24)
    contexts = EnvironmentVersion.objects.filter(
        environment__workspace=workspace, spec__context__isnull=False
    ).values_list("spec__context", flat=True)
    dead = Snapshot.objects.filter(
        workspace=workspace, runs=None, sources=None, created_at__lt=fresh
    )
    dead.exclude(digest__in=list(contexts)).delete()
    return list(Snapshot.objects.filter(workspace=workspace))


def _drop_blobs() -> None:
    """Delete contents without any claim; a claim made meanwhile is looked for once more."""
    store = blob_store()
    store.sweep()
    young = timezone.now().timestamp() - 24 * 3600
    for sha in list(store.shas()):
        if store.path(sha).stat().st_mtime > young:
            continue
        if not Blob.objects.filter(Q(sha=sha)).exists():
            store.delete(sha)


def _drop_build_logs() -> None:
    """Delete the logs of builds that went with their environments."""
    there = {int(key.split("/")[1]) for key in log_store().keys("build/")}
    for build_id in there.difference(Build.objects.values_list("pk", flat=True)):
        log_store().delete(f"build/{build_id}/")


def _tree_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
