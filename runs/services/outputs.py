"""What an attempt made becomes artifacts of its run; what cannot is named."""

from __future__ import annotations

from collections.abc import Sequence

from compute.answers import Collected, OutputFile, SkippedFile
from compute.session import Session
from runs.models import Artifact, Attempt, Run
from runs.services.move import run_changed, run_note
from runs.services.snapshots import blobs_claim
from runs.stores import blob_store

PATH_LENGTH = 1000
NOTE = "outputs"
"""The kind of the events that tell of what was not kept."""
_NAMED = 5
_LINKED_FOLDER = "a link to a folder"


def outputs_keep(*, attempt: Attempt, session: Session, settled_s: float | None) -> Collected:
    r"""Keep the files that match the run's patterns; with `settled_s` only what stood still.

    A name that is not UTF-8 is kept with its odd bytes written as \xff. At the end of the
    attempt its history says which outputs could not be kept and why.
    """
    run = attempt.run
    found = session.collect(attempt.folder, run.outputs, settled_s=settled_s)
    paths = {storable_path(file.path): file for file in found.files}
    files = {path: file for path, file in paths.items() if len(path) <= PATH_LENGTH}
    _fetch(attempt.folder, session, list(files.values()))
    if files:
        _write(run, files)
    if settled_s is None:
        long = [path for path in paths if path not in files]
        _note_missing(run, found, long)
    return found


def storable_path(path: str) -> str:
    """A path as text that every database, answer and page can carry."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _fetch(folder: str, session: Session, files: Sequence[OutputFile]) -> None:
    store = blob_store()
    for file in files:
        if not store.has(file.sha):
            with store.writer(sha=file.sha) as into:
                session.fetch(folder, file.path, into)


def _write(run: Run, files: dict[str, OutputFile]) -> None:
    blobs_claim(workspace=run.workspace, blobs=[(f.sha, f.size) for f in files.values()])
    Artifact.objects.bulk_create(
        [
            Artifact(run=run, path=path, sha=f.sha, size_bytes=f.size, mode=f.mode)
            for path, f in files.items()
        ],
        update_conflicts=True,
        unique_fields=["run", "path"],
        update_fields=["sha", "size_bytes", "mode"],
        batch_size=500,
    )
    run_changed(run_id=run.pk)


def _note_missing(run: Run, found: Collected, long: Sequence[str]) -> None:
    """Say in the history what was not kept."""
    why_long = f"its path is longer than {PATH_LENGTH:,} characters"
    missing = [f"{path[:80]}… ({why_long})" for path in long]
    skipped = [file for file in found.skipped if _is_missed(run, file)]
    missing += [f"{storable_path(file.path)[:200]} ({file.why})" for file in skipped]
    if missing:
        count = len(missing) + found.skipped_count - len(found.skipped)
        more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
        text = f"Not kept as artifacts: {', '.join(missing[:_NAMED])}{more}."
        run_note(run_id=run.pk, kind=NOTE, text=text)
    if unlisted := found.extra_count - len(found.extra):
        run_note(
            run_id=run.pk,
            kind=NOTE,
            text=f"{unlisted:,} more new files outside the patterns are not listed.",
        )


def _is_missed(run: Run, file: SkippedFile) -> bool:
    """Whether its content is lost: the files behind a link to a folder are found where they lie.

    Unless all that was to be kept lies behind that link.
    """
    is_base = any(pattern.startswith(f"{file.path}/") for pattern in run.outputs)
    return is_base or file.why != _LINKED_FOLDER
