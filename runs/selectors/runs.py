"""Finding runs: always starting from the caller's workspaces."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Max, Prefetch, QuerySet, Window

from runs.models import Artifact, Attempt, Experiment, MetricSeries, Run, RunEvent, Source
from runs.query import Query
from runs.selectors.filtering import query_filter, query_order
from studio.lib.refusal import NotFound, Refused
from studio.lib.rows import only
from studio.models import User, Workspace
from studio.selectors import workspaces_of

PAGE_SIZE = 50
TRASH_DAYS = 7
"""How long a deleted run can be restored."""
_LAST_DELETED = ("-deleted_at", "-pk")
_NOT_IN_TABLES = frozenset(
    {"description", "origin", "git", "variables", "secret_variables", "secrets", "outputs", "data",
     "end_sentence", "extra_files", "environment_why"}
)  # fmt: skip
_IN_TABLES = (
    *(field.name for field in Run._meta.concrete_fields if field.name not in _NOT_IN_TABLES),
    "experiment__name",
    "target__name",
    "submitted_by__username",
    "environment_version__number",
    "environment_version__environment__name",
    "source__name",
)


Show = Callable[[QuerySet[Run]], QuerySet[Run]]
"""Rows of a page with what shall be read of them, in order."""


@dataclass(frozen=True)
class RunPage:
    """One page of a list and how much there is in all."""

    items: list[Run]
    total: int
    page: int
    pages: int
    newest: int
    """The highest number among all that match."""


def runs_of(*, user: User) -> QuerySet[Run]:
    """Every run that the user may see; what lies in the trash only the trash shows."""
    return Run.objects.filter(workspace__in=workspaces_of(user=user), deleted_at=None)


def runs_once(*stages: Iterable[Run]) -> list[list[Run]]:
    """The same lists with each run in one of them only, the last that has it.

    Lists that are read one after the other, in the order in which runs go through them, both have
    a run that went on between the two reads.
    """
    seen: set[int] = set()
    once: list[list[Run]] = []
    read = [list(stage) for stage in stages]
    for stage in reversed(read):
        once.insert(0, [run for run in stage if run.pk not in seen])
        seen |= {run.pk for run in once[0]}
    return once


def runs_matching(*, user: User, workspace: Workspace, query: Query) -> QuerySet[Run]:
    """A workspace's runs that a query asks for, in its order."""
    rows = runs_of(user=user).filter(workspace=workspace)
    return query_order(query_filter(rows, query, user=user), query)


def run_list(*, user: User, workspace: Workspace, query: Query, page: int = 1) -> RunPage:
    """A page of the runs that match, with everything that is told of a run."""
    return _query_page(user, workspace, query, page, PAGE_SIZE, _whole)


def run_table(
    *, user: User, workspace: Workspace, query: Query, page: int = 1, page_size: int = PAGE_SIZE
) -> RunPage:
    """A page of the runs that match, with what columns of a table show."""
    return _query_page(user, workspace, query, page, page_size, in_table)


def _whole(rows: QuerySet[Run]) -> QuerySet[Run]:
    return rows.select_related(
        "experiment",
        "target",
        "environment_version__environment",
        "submitted_by",
        "workspace",
        "snapshot",
        "source",
    ).prefetch_related(
        "series", "gpu_loans", Prefetch("attempts", Attempt.objects.order_by("-number"))
    )


def in_table(rows: QuerySet[Run]) -> QuerySet[Run]:
    """The rows with what columns of a table show; of what they belong to, the names alone."""
    return rows.select_related(
        "experiment", "target", "submitted_by", "environment_version__environment", "source"
    ).only(*_IN_TABLES)


def _query_page(
    user: User, workspace: Workspace, query: Query, page: int, page_size: int, show: Show
) -> RunPage:
    rows = runs_matching(user=user, workspace=workspace, query=query)
    paged = _found_page if query.terms else page_of
    return paged(rows, page, page_size, lambda shown: query_order(show(shown), query))


def _found_page(rows: QuerySet[Run], page: int, page_size: int, show: Show) -> RunPage:
    """The same as `page_of` for rows that cost much to find: they are counted on the way."""
    start = max(0, page - 1) * page_size
    told = rows.annotate(total=Window(Count("pk")), newest=Window(Max("pk")))
    found = list(told.values_list("pk", "total", "newest")[start : start + page_size])
    if start and not found:
        return page_of(rows, page, page_size, show)
    _, total, newest = found[0] if found else (0, 0, 0)
    items = list(show(Run.objects.filter(pk__in=[pk for pk, _, _ in found])))
    return RunPage(items, total, max(1, page), _pages(total, page_size), newest)


def page_of(rows: QuerySet[Run], page: int, page_size: int, show: Show) -> RunPage:
    """One page of ordered rows; a page that is not there means the nearest one.

    `show` takes the rows of the page with what shall be read of them, and orders them again:
    so a database sorts numbers alone, and not everything that stands in the rows.
    """
    counted = rows.order_by().aggregate(total=Count("pk"), newest=Max("pk"))
    pages = _pages(counted["total"], page_size)
    page = min(max(1, page), pages)
    start = (page - 1) * page_size
    shown = Run.objects.filter(pk__in=rows.values("pk")[start : start + page_size])
    return RunPage(list(show(shown)), counted["total"], page, pages, counted["newest"] or 0)


def _pages(total: int, page_size: int) -> int:
    return max(1, math.ceil(total / page_size))


def trash_of(*, user: User) -> QuerySet[Run]:
    """The deleted runs that the user may see and that can still be restored, the last one first."""
    mine = Run.objects.filter(workspace__in=workspaces_of(user=user))
    return mine.exclude(deleted_at=None).order_by(*_LAST_DELETED)


def trash_page(*, user: User, workspace: Workspace, page: int) -> RunPage:
    """A page of the trash."""
    rows = trash_of(user=user).filter(workspace=workspace)
    return page_of(rows, page, PAGE_SIZE, lambda shown: in_table(shown).order_by(*_LAST_DELETED))


def trash_get(*, user: User, run_id: int) -> Run:
    """A run that lies in the trash.

    Raises:
        NotFound: it does not, or the user may not know.
    """
    rows = trash_of(user=user).select_related("workspace", "target")
    found = only(rows.filter(pk=run_id))
    if found is None:
        raise NotFound(
            f"Run {run_id} is not in the trash: it was restored, or its {TRASH_DAYS} days are over "
            "and it is gone."
        )
    return found


def run_get(*, user: User, ref: str, workspace: Workspace | None = None) -> Run:
    """The run that `ref` means: a number, the beginning of an id, a name, or "last".

    A name means the newest run of that name. Strangers get the same NotFound as for a run
    that never was.
    """
    rows = runs_of(user=user).select_related(
        "experiment",
        "target",
        "environment_version__environment",
        "submitted_by",
        "snapshot",
        "source",
        "build",
        "workspace",
        "canceled_by",
    )
    if workspace is not None:
        rows = rows.filter(workspace=workspace)
    found = _by_ref(rows, ref.strip(), user)
    if found is None:
        _refuse_deleted(user, ref.strip())
        raise NotFound(f"There is no run '{ref}' that you can see: 'runyard runs' lists them.")
    return found


def run_bare(*, user: User, number: int) -> Run:
    """The run of that number with nothing beside it, for what a page asks many times a second."""
    found = only(runs_of(user=user).filter(pk=number))
    return found or run_get(user=user, ref=str(number))  # which says why there is none


def _by_ref(rows: QuerySet[Run], ref: str, user: User) -> Run | None:
    if ref == "last":
        return rows.filter(submitted_by=user).order_by("-pk").first()
    if ref.isdecimal() and len(ref) < 12:
        found = only(rows.filter(pk=int(ref)))
        if found is not None:
            return found
    if len(ref) >= 4 and all(c in "0123456789abcdef" for c in ref):
        matching = list(rows.filter(uid__startswith=ref)[:2])
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise Refused(f"More than one run's id begins with '{ref}': give more of it.")
    return rows.filter(name=ref).order_by("-pk").first()


def _refuse_deleted(user: User, ref: str) -> None:
    """Say of a number that it means a run in the trash, to those who could see the run."""
    if not ref.isdecimal() or len(ref) >= 12:
        return
    if trash_of(user=user).filter(pk=int(ref)).exists():
        raise NotFound(f"Run {ref} is deleted: for {TRASH_DAYS} days the trash can restore it.")


def run_last(
    *, user: User, workspace: Workspace, saved: str = "", experiment: str = ""
) -> Run | None:
    """The newest run that this user submitted here, of a source or experiment if one is named."""
    rows = runs_of(user=user).filter(workspace=workspace, submitted_by=user)
    if saved:
        rows = rows.filter(source__name=saved)
    if experiment:
        rows = rows.filter(experiment__name=experiment)
    with_all = rows.select_related("experiment", "target", "snapshot", "source")
    return with_all.select_related("environment_version__environment").order_by("-pk").first()


def source_runs(*, source: Source) -> QuerySet[Run]:
    """The runs of a source, newest first, as rows of a table need them."""
    return in_table(source.runs.filter(deleted_at=None))


def experiment_runs(*, user: User, experiment: Experiment) -> QuerySet[Run]:
    """The runs of an experiment that are not archived, newest first, as rows of a table."""
    rows = runs_of(user=user).filter(experiment=experiment, archived_at=None)
    return rows.select_related("experiment", "target")


def run_attempt(*, run: Run) -> Attempt:
    """The newest attempt: every run has one."""
    return run.attempts.order_by("-number")[0]


def run_events(*, run: Run) -> QuerySet[RunEvent]:
    """Its history, oldest first."""
    return run.events.select_related("user")


def run_artifacts(*, run: Run) -> QuerySet[Artifact]:
    """The files it made, by path."""
    return run.artifacts.all()


def run_metrics(*, run: Run, most: int | None = None) -> Mapping[str, MetricSeries]:
    """Its series by name, with their summaries; with `most`, the first of them."""
    return {series.name: series for series in run.series.all()[:most]}


def experiment_list(*, user: User, workspace: Workspace) -> QuerySet[Experiment]:
    """The experiments of a workspace that are not archived."""
    return Experiment.objects.filter(
        workspace__in=workspaces_of(user=user), archived_at=None
    ).filter(workspace=workspace)
