"""Finding sources: script directories that a workspace knows by name."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Count, IntegerField, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from runs.models import Run, Source, SourceSnapshot
from runs.submission import Files, FolderSource, GitSource, SnapshotSource
from studio.lib.refusal import NotFound, Refused
from studio.lib.rows import only
from studio.models import User, Workspace
from studio.selectors import workspaces_of


class SourceFacts(TypedDict):
    """What lists say of a source."""

    state_count: int
    run_count: int
    seen_at: datetime | None
    digest: str | None
    """Of its newest snapshot."""


class RunCount(TypedDict):
    """How often a state of a source ran."""

    run_count: int


if TYPE_CHECKING:  # the alias takes two words for type checkers, and one when it runs
    from django_stubs_ext import WithAnnotations

    Told = WithAnnotations[Source, SourceFacts]
    ToldState = WithAnnotations[SourceSnapshot, RunCount]


def source_list(*, user: User, workspace: Workspace) -> QuerySet[Told]:
    """The sources of a workspace by name, with their facts."""
    newest = SourceSnapshot.objects.filter(source=OuterRef("pk")).order_by("-seen_at", "-pk")
    mine = Source.objects.filter(workspace__in=workspaces_of(user=user), workspace_id=workspace.pk)
    return mine.annotate(
        state_count=Count("states"),
        run_count=_count(Run.objects.filter(source=OuterRef("pk"), deleted_at=None), "source"),
        seen_at=Max("states__seen_at"),
        digest=Subquery(newest.values("snapshot__digest")[:1]),
    ).order_by("name")


def source_get(*, user: User, workspace: Workspace, name: str) -> Told:
    """The source of this name; strangers get the same NotFound as for one that never was."""
    found = only(source_list(user=user, workspace=workspace).filter(name=name))
    if found is None:
        raise NotFound(
            f"There is no source '{name}' that you can see: 'runyard sources' lists them.",
            field="source",
        )
    return found


def source_states(*, source: Source) -> QuerySet[ToldState]:
    """The states that it was in, newest first, and how often each ran."""
    runs = Run.objects.filter(source=source, snapshot=OuterRef("snapshot"), deleted_at=None)
    return source.states.select_related("snapshot").annotate(run_count=_count(runs, "snapshot"))


def source_newest(*, source: Source) -> SourceSnapshot | None:
    """Its newest state; none before files were brought to it."""
    return source.states.select_related("snapshot").first()


def source_files(*, source: Source) -> Files:
    """What a submit of the source runs: where it lies is read anew, what was brought is not.

    Raises:
        Refused: no files were brought to it yet.
    """
    if source.kind == Source.Kind.FOLDER:
        return FolderSource(source.location)
    if source.kind == Source.Kind.GIT:
        return GitSource(source.location, **source.git)
    newest = source_newest(source=source)
    if newest is None:
        raise Refused(
            f"The source '{source.name}' has no files yet: upload some to it.", field="source"
        )
    return SnapshotSource(newest.snapshot.digest)


def _count(runs: QuerySet[Run], group: str) -> Coalesce:
    """How many runs, beside other counts that would multiply it."""
    counted = runs.order_by().values(group).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
