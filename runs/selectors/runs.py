"""Finding runs: always starting from the caller's workspaces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.fields.json import KeyTransform

from runs.models import Artifact, Attempt, Experiment, MetricSeries, Run, RunEvent, Source
from runs.states import FINAL, LIVE, Status
from studio.lib.refusal import NotFound, Refused
from studio.models import User, Workspace
from studio.selectors import workspaces_of

SORTS = {
    "created": "pk",
    "name": "name",
    "status": "status",
    "target": "target__name",
    "experiment": "experiment__name",
    "started": "started_at",
    "ended": "ended_at",
    "priority": "priority",
}
PAGE_SIZE = 50


@dataclass(frozen=True, kw_only=True)
class RunFilters:
    """What a list shall show; empty means no limit."""

    status: str = ""
    """A status, or the groups "live" and "ended"."""
    experiment: str = ""
    target: str = ""
    tag: str = ""
    """"name" or "name=value"."""
    text: str = ""
    """In the name, the description, the script or the error line."""
    sort: str = "-created"
    page: int = 1
    page_size: int = PAGE_SIZE
    archived: bool = False


@dataclass(frozen=True)
class RunPage:
    """One page of a list and how much there is in all."""

    items: list[Run]
    total: int
    page: int
    pages: int


def runs_of(*, user: User) -> QuerySet[Run]:
    """Every run that the user may see."""
    return Run.objects.filter(workspace__in=workspaces_of(user=user))


def run_list(*, user: User, workspace: Workspace, filters: RunFilters) -> RunPage:
    """A page of a workspace's runs.

    Raises:
        Refused: a filter or the sort order is not known; the sentence names the known ones.
    """
    rows = runs_of(user=user).filter(workspace=workspace)
    rows = rows.filter(archived_at__isnull=not filters.archived)
    rows = _filter(rows, filters)
    total = rows.count()
    pages = max(1, math.ceil(total / filters.page_size))
    page = min(max(1, filters.page), pages)
    start = (page - 1) * filters.page_size
    items = (
        _sort(rows, filters.sort)
        .select_related(
            "experiment",
            "target",
            "environment_version__environment",
            "submitted_by",
            "workspace",
            "snapshot",
            "source",
        )
        .prefetch_related(
            "series", "gpu_loans", Prefetch("attempts", Attempt.objects.order_by("-number"))
        )
    )
    return RunPage(list(items[start : start + filters.page_size]), total, page, pages)


def _filter(rows: QuerySet[Run], filters: RunFilters) -> QuerySet[Run]:
    if filters.status:
        rows = rows.filter(status__in=_statuses(filters.status))
    if filters.experiment:
        rows = rows.filter(experiment__name=filters.experiment)
    if filters.target:
        rows = rows.filter(target__name=filters.target)
    if filters.tag:
        name, equals, value = filters.tag.partition("=")
        rows = rows.filter(tags__has_key=name)
        if equals:
            # not `tags__NAME`, which would take a tag called "contains" for a lookup
            rows = rows.alias(tag=KeyTransform(name, "tags")).filter(tag=value)
    if filters.text:
        text = filters.text
        rows = rows.filter(
            Q(name__icontains=text)
            | Q(description__icontains=text)
            | Q(script__icontains=text)
            | Q(error__icontains=text)
        )
    return rows


def _statuses(word: str) -> frozenset[Status]:
    groups = {"live": LIVE, "ended": FINAL}
    if word in groups:
        return groups[word]
    try:
        return frozenset({Status(word)})
    except ValueError:
        known = ", ".join([*groups, *Status])
        raise Refused(f"'{word}' is no status: choose from {known}.", field="status") from None


def _sort(rows: QuerySet[Run], sort: str) -> QuerySet[Run]:
    column = SORTS.get(sort.removeprefix("-"))
    if column is None:
        raise Refused(
            f"Runs cannot be sorted by '{sort}': choose from {', '.join(SORTS)}.", field="sort"
        )
    sign = "-" if sort.startswith("-") else ""
    return rows.order_by(f"{sign}{column}", "-pk")


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
        raise NotFound(f"There is no run '{ref}' that you can see: 'runyard runs' lists them.")
    return found


def _by_ref(rows: QuerySet[Run], ref: str, user: User) -> Run | None:
    if ref == "last":
        return rows.filter(submitted_by=user).order_by("-pk").first()
    if ref.isdecimal() and len(ref) < 12:
        found = rows.filter(pk=int(ref)).first()
        if found is not None:
            return found
    if len(ref) >= 4 and all(c in "0123456789abcdef" for c in ref):
        matching = list(rows.filter(uid__startswith=ref)[:2])
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise Refused(f"More than one run's id begins with '{ref}': give more of it.")
    return rows.filter(name=ref).order_by("-pk").first()


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
    return source.runs.select_related("experiment", "target")


def run_attempt(*, run: Run) -> Attempt:
    """The newest attempt: every run has one."""
    return run.attempts.order_by("-number")[0]


def run_events(*, run: Run) -> QuerySet[RunEvent]:
    """Its history, oldest first."""
    return run.events.select_related("user")


def run_artifacts(*, run: Run) -> QuerySet[Artifact]:
    """The files it made, by path."""
    return run.artifacts.all()


def run_metrics(*, run: Run) -> Mapping[str, MetricSeries]:
    """Its series by name, with their summaries."""
    return {series.name: series for series in run.series.all()}


def experiment_list(*, user: User, workspace: Workspace) -> QuerySet[Experiment]:
    """The experiments of a workspace that are not archived."""
    return Experiment.objects.filter(
        workspace__in=workspaces_of(user=user), archived_at=None
    ).filter(workspace=workspace)
