"""Saved sources: made, given new files, renamed, deleted; and what is meant by the name of one."""

from __future__ import annotations

import re
import time
from dataclasses import asdict

from django.db import IntegrityError, transaction
from django.utils import timezone

from runs.models import Run, Snapshot, Source, SourceSnapshot
from runs.selectors.folders import linked_folder
from runs.selectors.sources import source_files, source_get
from runs.services.snapshots import git_check, source_freeze
from runs.submission import (
    ArchiveSource,
    Files,
    FolderSource,
    GitSource,
    SavedSource,
    Submission,
)
from studio.lib.refusal import NotFound, Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit

FETCHED_WITHIN_S = 20.0
"""How long a page waits for a repository to be fetched."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,254}")


def source_create(*, user: User, workspace: Workspace, name: str, files: Files | None) -> Source:
    """Save a script directory under a name; without files they are brought later.

    Raises:
        Refused: the name cannot be used, or the files cannot be kept.
        Forbidden: the user may not change things here.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    if Source.objects.filter(workspace=workspace, name=name.strip()).exists():
        raise _taken(name.strip())
    source = _unsaved(workspace, name, files)
    if isinstance(files, FolderSource):
        linked_folder(files.path)
        return source_keep(source=source, snapshot=None)
    if isinstance(files, GitSource):
        return source_keep(source=source, snapshot=None)
    snapshot = source_freeze(workspace=workspace, source=files)[0] if files else None
    return source_keep(source=source, snapshot=snapshot)


def source_bring(*, user: User, source: Source, files: Files) -> Snapshot:
    """Give a source new files: its newest snapshot from now on.

    Raises:
        Refused: they cannot be kept, or the source is read from where it lies.
        Forbidden: the user may not change things here.
    """
    require_role(user, source.workspace, Role.CONTRIBUTOR)
    _check_brought(source)
    if isinstance(files, FolderSource | GitSource):
        raise Refused(
            "A folder or repository is read where it lies, not brought: save it as a source of "
            "its own.",
            field="source",
        )
    snapshot, _, _ = source_freeze(workspace=source.workspace, source=files)
    source_keep(source=source, snapshot=snapshot)
    return snapshot


@transaction.atomic
def source_rename(*, user: User, source: Source, name: str) -> Source:
    """Call it otherwise; its runs and snapshots follow."""
    require_role(user, source.workspace, Role.CONTRIBUTOR)
    name = _checked(name)
    others = Source.objects.filter(workspace=source.workspace, name=name).exclude(pk=source.pk)
    if others.exists():
        raise _taken(name)
    subject = f"{source.name} to {name}"
    source.name = name
    source.save(update_fields=["name"])
    audit(user=user, workspace=source.workspace, action="source.rename", subject=subject)
    return source


@transaction.atomic
def source_delete(*, user: User, source: Source) -> None:
    """Forget the name; runs and the snapshots that they ran stay."""
    require_role(user, source.workspace, Role.CONTRIBUTOR)
    name, workspace = source.name, source.workspace
    source.delete()
    audit(user=user, workspace=workspace, action="source.delete", subject=name)


def source_meant(*, workspace: Workspace, request: Submission) -> tuple[Source | None, Files]:
    """(The source that a submission names or saves, the files to run).

    One that is yet to be saved is no record: `source_keep` makes it one.

    Raises:
        Refused: there is none of that name, or another one that is something else.
    """
    if isinstance(request.source, SavedSource):
        name = request.source.name
        if request.save_as:
            raise Refused(
                f"The files are those of the source '{name}' already: leave out the name to save "
                "them under.",
                field="save_as",
            )
        found = Source.objects.filter(workspace=workspace, name=name).first()
        if found is None:
            raise NotFound(
                f"There is no source '{name}': 'runyard sources' lists them.", field="source"
            )
        return found, source_files(source=found)
    if not request.save_as:
        return None, request.source
    try:
        return _saving(workspace, request.save_as, request.source), request.source
    except Refused as error:
        field = "save_as" if error.field == "name" else error.field
        raise Refused(error.sentence, field=field) from error


def run_source_now(*, user: User, run: Run) -> Snapshot:
    """The files that the run would have now: its source, or its folder, as they are.

    Raises:
        Refused: the studio does not know where its files came from, or cannot read them.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    if run.source is not None:
        files = source_files(source=run.source)
    elif "folder" in run.origin:
        files = FolderSource(run.origin["folder"])
    elif "git" in run.origin:
        files = GitSource(**run.origin["git"])
    else:
        raise Refused(
            f"The files of run {run.pk} were brought from elsewhere: there is nothing here to "
            "compare them with.",
            field="source",
        )
    return source_freeze(workspace=run.workspace, source=files, beat=_Patience())[0]


def source_look(*, user: User, workspace: Workspace, files: Files) -> Snapshot:
    """Make a snapshot of an archive or repository to look into it before it is submitted.

    Raises:
        Refused: it cannot become one, or takes longer than somebody waits at a page.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    return source_freeze(workspace=workspace, source=files, beat=_Patience())[0]


def context_freeze(*, user: User, workspace: Workspace, source: Files | SavedSource) -> Snapshot:
    """The files as they are now, to be copied by a Dockerfile.

    Raises:
        Refused: they cannot become a snapshot, or are fetched longer than somebody waits.
        Forbidden: the user may not change things here.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    if isinstance(source, SavedSource):
        source = source_files(source=source_get(user=user, workspace=workspace, name=source.name))
    patience = _Patience("submit a run of it first, which waits longer, or bring it as a zip")
    return source_freeze(workspace=workspace, source=source, beat=patience)[0]


class _Patience:
    """Ends a fetch that somebody waits for at a page, once it takes too long."""

    def __init__(
        self, instead: str = "submit it as it is now, and compare the two runs afterwards"
    ) -> None:
        self._until = time.monotonic() + FETCHED_WITHIN_S
        self._instead = instead

    def __call__(self, _progress: str) -> None:
        if time.monotonic() > self._until:
            raise Refused(
                f"The repository could not be fetched within {FETCHED_WITHIN_S:.0f} s: "
                f"{self._instead}.",
                field="source",
            )


@transaction.atomic
def source_keep(*, source: Source, snapshot: Snapshot | None) -> Source:
    """Save a source, if it is not, and the state that it is in now."""
    if source._state.adding:
        try:
            with transaction.atomic():
                source.save()
        except IntegrityError as error:  # somebody was faster
            raise _taken(source.name) from error
    if snapshot is not None:
        SourceSnapshot.objects.update_or_create(
            source=source, snapshot=snapshot, defaults={"seen_at": timezone.now()}
        )
    return source


def _saving(workspace: Workspace, name: str, files: Files) -> Source:
    wanted = _unsaved(workspace, name, files)
    found = Source.objects.filter(workspace=workspace, name=wanted.name).first()
    if found is None:
        return wanted
    if (found.location, found.git) != (wanted.location, wanted.git):
        _check_brought(found)
        raise _taken(found.name)
    return found


def _unsaved(workspace: Workspace, name: str, files: Files | None) -> Source:
    kind, location, git = Source.Kind.UPLOAD, "", dict[str, str]()
    if isinstance(files, FolderSource):
        kind, location = Source.Kind.FOLDER, files.path.rstrip("/") or "/"
    elif isinstance(files, GitSource):
        git_check(workspace=workspace, source=files)
        kind, location = Source.Kind.GIT, files.url.strip()
        git = {name: value for name, value in asdict(files).items() if name != "url"}
    elif isinstance(files, ArchiveSource):
        kind = Source.Kind.ZIP
    if len(location) > 1000:
        raise Refused("The path is longer than 1,000 characters.", field="source")
    return Source(workspace=workspace, name=_checked(name), kind=kind, location=location, git=git)


def _check_brought(source: Source) -> None:
    if source.location:
        raise Refused(
            f"The source '{source.name}' is read from {source.location} at each submit: change the "
            "files there, or choose another name.",
            field="save_as",
        )


def _checked(name: str) -> str:
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise Refused(
            f"'{name[:80]}' cannot name a source: begin with a letter or digit, then letters, "
            "digits, spaces and - _ . (255 at most).",
            field="name",
        )
    return name


def _taken(name: str) -> Refused:
    return Refused(
        f"There is a source '{name}' already: choose another name, or bring the files to it.",
        field="name",
    )
