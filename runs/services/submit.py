"""Submitting a run: one way in for every door, refused in one sentence before a row is written."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from django.db import transaction

from compute.models import ComputeTarget
from compute.selectors import data_paths
from environments.models import EnvironmentVersion
from environments.selectors import version_misfit
from environments.services import environment_pick
from runs.giturls import read_address
from runs.models import Attempt, Run, RunEvent, RunParam, Snapshot, Source
from runs.notebooks import executed_notebook, is_notebook
from runs.params import number_of, params_of
from runs.selectors.secrets import version_secrets
from runs.services.checks import script_words, submission_check
from runs.services.experiments import experiment_take, is_experiment_name
from runs.services.move import run_changed
from runs.services.snapshots import Frozen, blobs_claim, source_freeze
from runs.services.sources import source_keep, source_meant
from runs.snapshots import Manifest
from runs.stores import blob_store
from runs.submission import (
    DEFAULT_OUTPUTS,
    ArchiveSource,
    Files,
    FolderSource,
    GitSource,
    SavedSource,
    Submission,
    is_secret_name,
)
from studio.lib.queue import enqueue
from studio.lib.refusal import Refused
from studio.lib.vault import encrypt
from studio.models import User, Workspace
from studio.selectors import secrets_known
from studio.services import instance_key


@dataclass(frozen=True)
class _Checked:
    """A submission that can work."""

    words: list[str]
    target: ComputeTarget
    snapshot: Snapshot
    source: Source | None
    origin: dict[str, object]
    environment: EnvironmentVersion
    environment_why: str
    experiment: str
    data: dict[str, str]
    git: dict[str, object]


def run_submit(
    *,
    user: User,
    workspace: Workspace,
    request: Submission,
    frozen: Frozen | None = None,
    like: Run | None = None,
) -> Run:
    """Queue a run of exactly these files with exactly this command.

    `frozen` is the snapshot of its source, when that was fetched before. `like` is the run that
    this one changes: of the same files git knows the same.

    The row is written first; the hint to the workers follows its commit, so a lost
    hint only costs seconds.

    Raises:
        Refused: it cannot work; nothing was written but content-addressed blobs.
        Forbidden: the user may not submit here.
    """
    target, data = submission_check(user=user, workspace=workspace, request=request)
    source, files = source_meant(workspace=workspace, request=request)
    snapshot, manifest, git = frozen or source_freeze(workspace=workspace, source=files)
    words = script_words(request, manifest.paths)
    version, why = environment_pick(
        workspace=workspace,
        name=request.environment,
        folder_requirements=_folder_requirements(manifest),
        is_notebook=is_notebook(request.script),
    )
    if problem := version_misfit(version=version, target=target):
        raise Refused(problem, field="environment")
    checked = _Checked(
        words=words,
        target=target,
        snapshot=snapshot,
        source=source,
        origin=_origin(files),
        environment=version,
        environment_why=why,
        experiment=request.experiment.strip() or source_name(request) or "default",
        data=data_paths(target=target, names=data),
        git=_git_record(workspace, git or dict(request.git)) or _git_of(like, snapshot),
    )
    return _write(user=user, workspace=workspace, request=request, checked=checked)


@transaction.atomic
def _write(*, user: User, workspace: Workspace, request: Submission, checked: _Checked) -> Run:
    needed = {*request.secrets, *version_secrets(checked.environment)}
    secrets_known(workspace=workspace, names=sorted(needed))
    experiment = experiment_take(workspace=workspace, name=checked.experiment, user=user)
    if checked.source is not None:
        source_keep(source=checked.source, snapshot=checked.snapshot)
    plain = {k: v for k, v in request.variables.items() if not is_secret_name(k)}
    secret = {k: encrypt(v) for k, v in request.variables.items() if is_secret_name(k)}
    run = Run.objects.create(
        uid=secrets.token_hex(6),
        workspace=workspace,
        experiment=experiment,
        target=checked.target,
        snapshot=checked.snapshot,
        source=checked.source,
        origin=checked.origin,
        environment_version=checked.environment,
        environment_why=checked.environment_why,
        submitted_by=user,
        name=request.name.strip() or default_name(request, checked.words),
        description=request.description,
        tags=dict(request.tags),
        script=request.script,
        command=checked.words,
        variables=plain,
        secret_variables=secret,
        secrets=sorted(set(request.secrets)),
        outputs=_outputs(request),
        gpus=request.gpus,
        data=checked.data,
        priority=request.priority,
        time_limit_s=request.time_limit_s,
        git=checked.git,
    )
    run_enter(run=run, user=user, text="Submitted.")
    return run


def run_enter(*, run: Run, user: User, text: str) -> None:
    """Give a new run its first attempt and its first line of history, and wake a worker for it.

    Its parameters can be looked for from now on.
    """
    Attempt.objects.create(run=run, number=1, folder=f"{instance_key()}-run-{run.pk}-1")
    index_params(run)
    RunEvent.objects.create(run=run, kind="submitted", new_status=run.status, text=text, user=user)
    run_changed(run_id=run.pk)
    enqueue("runs.jobs.dispatch", run.target_id)


def index_params(run: Run) -> None:
    """Make the parameters of a new run findable."""
    RunParam.objects.bulk_create(
        RunParam(run=run, name=name, text=text, number=number_of(text))
        for name, text in params_of(run.command).items()
    )


def _outputs(request: Submission) -> list[str]:
    """The patterns of what is kept; an executed notebook always is."""
    patterns = list(request.outputs or DEFAULT_OUTPUTS)
    if is_notebook(request.script) and not set(DEFAULT_OUTPUTS) & set(patterns):
        patterns.append(executed_notebook(request.script))
    return patterns


def _folder_requirements(manifest: Manifest) -> str | None:
    entry = manifest.get("requirements.txt")
    if entry is None or not entry.sha:
        return None
    with blob_store().open(entry.sha) as file:
        return file.read(1 << 20).decode("utf-8", errors="replace")


def _origin(files: Files) -> dict[str, object]:
    """Where the files lie, as far as they can be read there again."""
    if isinstance(files, FolderSource):
        return {"folder": files.path}
    return {"git": asdict(files)} if isinstance(files, GitSource) else {}


def source_name(request: Submission) -> str:
    """What the files are called, as far as an experiment can be called so; else ""."""
    if isinstance(request.source, FolderSource):
        name = PurePosixPath(request.source.path).name
    elif isinstance(request.source, ArchiveSource):
        name = PurePosixPath(request.source.filename).name.partition(".")[0]
    elif isinstance(request.source, GitSource):
        name = read_address(request.source.url).name
    elif isinstance(request.source, SavedSource):
        name = request.source.name
    else:
        name = request.save_as
    return name if is_experiment_name(name) else ""


def default_name(request: Submission, words: list[str]) -> str:
    """What a run is called that was given no name."""
    return (PurePosixPath(request.script).stem if request.script else " ".join(words))[:255]


def _git_of(like: Run | None, snapshot: Snapshot) -> dict[str, object]:
    """What git knew of a snapshot when an earlier run brought it."""
    return dict(like.git) if like is not None and like.snapshot_id == snapshot.pk else {}


def _git_record(workspace: Workspace, facts: dict[str, object]) -> dict[str, object]:
    """The facts with the diff moved into the blob store: a row stays small."""
    record: dict[str, object] = {
        key: facts[key]
        for key in (
            "repository",
            "branch",
            "commit",
            "dirty",
            "untracked",
            "trouble",
            "folder",
            "notes",
        )
        if key in facts
    }
    diff = facts.get("diff")
    if isinstance(diff, str) and diff:
        sha, size = blob_store().put(diff.encode("utf-8", errors="surrogateescape"))
        blobs_claim(workspace=workspace, blobs=[(sha, size)])
        record["diff"] = sha
        record["diff_bytes"] = size
    return record
