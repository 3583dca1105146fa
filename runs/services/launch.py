"""Placing a run's files on its target and starting the command there."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from compute.data_names import data_filled_in, data_variable
from compute.launchers.base import LaunchSpec
from compute.session import RunnerRefused, Session
from environments.clientpackage import client_package
from environments.services import Ready
from runs.models import Attempt, GpuLoan, Run
from runs.selectors.files import snapshot_manifest
from runs.selectors.secrets import attempt_mask
from runs.services.move import run_move
from runs.services.secrets import attempt_secrets
from runs.snapshots import Manifest
from runs.states import Status
from runs.stores import blob_store
from studio.lib.push import hint_monitor

LIBRARY = "lib"
"""The folder beside the code from which `studio.client` is imported on the target."""


def attempt_launch(*, run: Run, token: str, environment: Ready, session: Session) -> None:
    """Place the snapshot and start the command exactly once; then the run is running.

    May be repeated: what decides is the claim on the target. A command that cannot even
    be executed counts as started, for the target's own record says how it ended.

    Raises:
        TargetUnreachable: the link broke; nobody knows yet whether it started.
        RunnerRefused: the target said no, with its sentence.
    """
    attempt = Attempt.objects.select_related("run").get(run=run, lease_token=token)
    manifest = snapshot_manifest(snapshot=run.snapshot)
    _place(session, attempt.folder, manifest)
    secrets = attempt_secrets(run=run, attempt=attempt)
    handle = session.place.launcher(session).launch(
        LaunchSpec(
            name=attempt.folder,
            spec=_spec(run, attempt, environment, manifest),
            secrets=secrets,
            mask=attempt_mask(attempt),
            data=sorted(set(run.data.values())),
            image=environment.image,
            python=environment.keeper,
            gpus=[loan.gpu for loan in run.gpu_loans.filter(returned_at=None)],
        )
    )
    now = timezone.now()
    Attempt.objects.filter(pk=attempt.pk, lease_token=token).update(handle=handle, started_at=now)
    if run_move(run_id=run.pk, to=Status.RUNNING, lease=token, text="Started.", started_at=now):
        hint_monitor(f"target {run.target_id}")


def _place(session: Session, folder: str, manifest: Manifest) -> None:
    """See to it that the files lie in the task's folder, now or from an earlier call."""
    try:
        _lay_out(session, folder, manifest)
    except RunnerRefused as error:
        if error.code != "claimed":  # else one that died had started it: its files are in use
            raise


def _lay_out(session: Session, folder: str, manifest: Manifest) -> None:
    """Lay the files out; what the target lacks is sent, once."""
    text, sent = manifest.to_json(), set[str]()
    while missing := session.materialise(folder, text):
        if missing <= sent:
            raise RunnerRefused("The target lost files that it had just received.", "missing")
        for sha in sorted(missing):
            session.send(sha, blob_store().path(sha))
        sent |= missing


def _spec(run: Run, attempt: Attempt, environment: Ready, manifest: Manifest) -> dict[str, object]:
    source = ["code/src"] if manifest.has_folder("src") else []
    variables = {
        "RUNYARD_RUN": str(run.pk),
        "RUNYARD_EXPERIMENT": run.experiment.name,
        **environment.variables,
        **run.variables,
        **_gpu_variables(run.gpu_loans.filter(returned_at=None)),
        **{data_variable(name): path for name, path in run.data.items()},
    }
    return {
        "protocol": 1,
        "task": attempt.task,
        "argv": _argv(run, environment),
        "cwd": "code",
        "env": variables,
        "path": [environment.bin],
        "pythonpath": ["code", *source, LIBRARY],
        "files": {f"{LIBRARY}/{path}": text for path, text in client_package()},
        "time_limit_s": run.time_limit_s,
        "grace_s": run.grace_s,
        "outputs": run.outputs,
        "cookie": attempt.folder,
    }


def _gpu_variables(loans: Iterable[GpuLoan]) -> dict[str, str]:
    """What the command sees of the target's GPUs: those that are lent to it now, maybe none.

    CUDA numbers GPUs by speed unless told to count as nvidia-smi, and we, do.
    """
    return {
        "CUDA_VISIBLE_DEVICES": ",".join(loan.gpu for loan in loans),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }


def _argv(run: Run, environment: Ready) -> list[str]:
    """The command, with the paths of its data and the environment's own Python for a script.

    A folder before the PATH is not enough: an interpreter may be there as python3.11 alone.
    """
    words = data_filled_in(run.command, run.data)
    if run.script and words[0] == "python":
        words[0] = environment.python
    return words
