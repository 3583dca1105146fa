"""Fetching the files of a submission in the background; the run is made when they are here.

    submission_take      queued, when there is something to fetch; otherwise the run at once
    import_run           a worker: running -> done with a run | failed with a sentence

The row is the truth, a job only a hint: the sweep repeats lost ones, and a worker that died is
replaced once its lease is over. One import goes on at a time, so that one worker is left for
everything else.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, replace
from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from runs.mirrors import sweep
from runs.models import Run, SourceImport
from runs.services.checks import submission_check
from runs.services.gitsources import mirrors
from runs.services.snapshots import git_check, source_freeze
from runs.services.sources import source_meant
from runs.services.submit import run_submit
from runs.submission import GitSource, SavedSource, Submission
from studio.lib.holder import holder_token
from studio.lib.queue import enqueue
from studio.lib.refusal import Refused
from studio.lib.vault import decrypt, encrypt
from studio.models import Role, User, Workspace
from studio.selectors import require_role

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
"""How long a worker may be silent about an import before another one takes it."""
PATIENCE = timedelta(seconds=3)
"""A hint is given this long to arrive before the sweep repeats it."""
KEPT = timedelta(days=7)
_SAID_S = 1.0

Status = SourceImport.Status


class _Lost(Exception):
    """The import was canceled, or another worker has it."""


def submission_take(
    *, user: User, workspace: Workspace, request: Submission, like: Run | None = None
) -> Run | SourceImport:
    """Take a submission: the run, or, when its files are first to be fetched, the import.

    `like` is the run that it changes, if any. What cannot work whatever the files are is
    refused now.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    _, source = source_meant(workspace=workspace, request=request)
    if not isinstance(source, GitSource):
        return run_submit(user=user, workspace=workspace, request=request, like=like)
    submission_check(user=user, workspace=workspace, request=request)
    git_check(workspace=workspace, source=source)
    found = SourceImport.objects.create(
        workspace=workspace,
        user=user,
        url=source.url.strip(),
        ref=source.ref.strip(),
        folder=source.folder.strip(),
        credential=source.credential,
        request=encrypt(json.dumps(_without_source(request))),
    )
    enqueue("runs.jobs.import_source", found.pk)
    return found


def import_request(*, found: SourceImport) -> Submission:
    """What an import was asked for, secret variables included.

    Raises:
        Refused: it was encrypted with another key.
    """
    try:
        asked = json.loads(decrypt(found.request))
    except ValueError as error:
        raise Refused(
            f"Import {found.pk} was written down with another key and cannot be read: submit anew."
        ) from error
    saved = asked.pop("saved", "")
    source = SavedSource(saved) if saved else _git_source(found)
    return Submission(source=source, **asked)


def _git_source(found: SourceImport) -> GitSource:
    return GitSource(found.url, found.ref, found.folder, found.credential)


def import_cancel(*, user: User, found: SourceImport) -> None:
    """Give an import up; one that has ended stays as it is."""
    require_role(user, found.workspace, Role.CONTRIBUTOR)
    rows = SourceImport.objects.filter(pk=found.pk, ended_at=None)
    rows.update(status=Status.CANCELED, ended_at=timezone.now(), lease_token="")


def import_run(*, import_id: int) -> None:
    """Do an import, if nobody else does it and none is going on; then hint at the next one."""
    found = _claim(import_id)
    if found is None:
        return
    try:
        _import(found)
    except _Lost:
        pass
    except Refused as error:
        _fail(found, error.sentence)
    except DatabaseError:
        raise  # its lease runs out, and the sweep has it tried again
    except Exception:
        log.exception("import %s failed", import_id)
        _fail(found, "The studio failed at it and has written down why: try once more.")
    waiting = SourceImport.objects.filter(status=Status.QUEUED).order_by("pk").first()
    if waiting is not None:
        enqueue("runs.jobs.import_source", waiting.pk)


def imports_due() -> list[int]:
    """Imports that somebody should do now, oldest first; at most one."""
    now = timezone.now()
    open_ones = SourceImport.objects.filter(ended_at=None)
    if open_ones.filter(status=Status.RUNNING, lease_until__gt=now).exists():
        return []
    late = Q(status=Status.RUNNING) | Q(status=Status.QUEUED, created_at__lt=now - PATIENCE)
    return list(open_ones.filter(late).order_by("pk").values_list("pk", flat=True)[:1])


def imports_prune() -> None:
    """Forget old imports, and mirrors that nobody uses."""
    SourceImport.objects.filter(ended_at__lt=timezone.now() - KEPT).delete()
    sweep(mirrors())


def _without_source(request: Submission) -> dict[str, object]:
    """What else is asked for; of a saved source its name."""
    saved = request.source.name if isinstance(request.source, SavedSource) else ""
    asked = asdict(replace(request, source=SavedSource(saved)))
    del asked["source"]
    return asked | {"saved": saved}


@transaction.atomic
def _claim(import_id: int) -> SourceImport | None:
    """Take the import for this worker, unless it has ended or one is going on."""
    now = timezone.now()
    rows = SourceImport.objects.select_for_update().filter(ended_at=None).order_by("pk")
    going_on = {row.pk: row for row in rows}
    busy = [row for row in going_on.values() if row.lease_until and row.lease_until > now]
    found = going_on.get(import_id)
    if found is None or busy:
        return None
    found.status, found.lease_token = Status.RUNNING, holder_token()
    found.lease_until = now + LEASE
    found.save(update_fields=["status", "lease_token", "lease_until"])
    return found


def _import(found: SourceImport) -> None:
    request = import_request(found=found)
    frozen = source_freeze(workspace=found.workspace, source=_git_source(found), beat=_Beat(found))
    with transaction.atomic():
        if not _mine(found).update(status=Status.DONE, ended_at=timezone.now(), lease_token=""):
            raise _Lost
        run = run_submit(user=found.user, workspace=found.workspace, request=request, frozen=frozen)
        SourceImport.objects.filter(pk=found.pk).update(run=run)


class _Beat:
    """Writes down how an import goes, once a second; what was canceled ends here."""

    def __init__(self, found: SourceImport) -> None:
        self._found = found
        self._next = 0.0

    def __call__(self, progress: str) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SAID_S
        changes = {"lease_until": timezone.now() + LEASE}
        said = {"progress": progress[:200]} if progress else {}
        if not _mine(self._found).update(**changes, **said):
            raise _Lost


def _mine(found: SourceImport) -> QuerySet[SourceImport]:
    return SourceImport.objects.filter(
        pk=found.pk, status=Status.RUNNING, lease_token=found.lease_token
    )


def _fail(found: SourceImport, sentence: str) -> None:
    _mine(found).update(
        status=Status.FAILED, error=sentence, ended_at=timezone.now(), lease_token=""
    )
