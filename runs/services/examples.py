"""The example that the first page offers."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from runs.models import Run
from runs.services.snapshots import snapshot_store
from runs.services.submit import run_submit
from runs.snapshots import snapshot_folder
from runs.stores import blob_store
from runs.submission import SnapshotSource, Submission
from studio.models import Role, User, Workspace
from studio.selectors import require_role

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ridge-diabetes"


def example_submit(*, user: User, workspace: Workspace) -> Run:
    """Submit the ready example: its files are frozen like anybody's, its environment is curated.

    Raises:
        Refused: the user may not submit here, or no target is open to them.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    manifest = snapshot_folder(
        EXAMPLE,
        blob_store(),
        max_bytes=settings.SNAPSHOT_MAX_BYTES,
        max_files=settings.SNAPSHOT_MAX_FILES,
    )
    snapshot = snapshot_store(workspace=workspace, manifest=manifest)
    request = Submission(
        source=SnapshotSource(snapshot.digest),
        script="train.py",
        environment="scikit-learn",
        experiment="ridge-diabetes",
        name="Ridge regression on the diabetes data",
        description="The ready example: R² of a ridge regression for each strength of the penalty.",
    )
    return run_submit(user=user, workspace=workspace, request=request)
