"""Experiments with what came of their runs, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Max, Q, QuerySet, When, Window
from django.db.models.functions import RowNumber

from runs.models import Experiment, MetricSeries, Run
from runs.selectors.runs import runs_of
from runs.states import LIVE, Status
from studio.lib.refusal import NotFound
from studio.lib.rows import only
from studio.models import User, Workspace
from studio.selectors import workspaces_of

RECENT = 40
_GROUPS = (
    ("completed", Q(status=Status.COMPLETED)),
    ("failed", Q(status=Status.FAILED)),
    ("canceled", Q(status=Status.CANCELED)),
    ("live", Q(status__in=LIVE)),
)


@dataclass(frozen=True)
class Result:
    """What one completed run reached in the metric that its experiment compares."""

    run_id: int
    name: str
    value: float


@dataclass(frozen=True)
class ExperimentFacts:
    """An experiment and what came of it; runs that are archived do not count."""

    experiment: Experiment
    counts: dict[str, int]
    """completed, failed, canceled, live."""
    last_at: datetime | None
    """When a run of it was last submitted or ended."""
    best: Result | None
    recent: list[Result]
    """The newest results, oldest first."""

    @property
    def total(self) -> int:
        """How many runs it has."""
        return sum(self.counts.values())


def experiments_of(*, user: User, workspace: Workspace) -> QuerySet[Experiment]:
    """Every experiment of a workspace, archived ones too."""
    mine = Experiment.objects.filter(workspace__in=workspaces_of(user=user))
    return mine.filter(workspace=workspace).select_related("workspace")


def experiment_get(*, user: User, workspace: Workspace, name: str) -> Experiment:
    """The experiment of that name; strangers get the same NotFound as for one that never was."""
    found = only(experiments_of(user=user, workspace=workspace).filter(name=name))
    if found is None:
        raise NotFound(
            f"There is no experiment '{name}' that you can see: 'runyard experiments' lists them.",
            field="experiment",
        )
    return found


def experiments_busiest(
    *, user: User, workspace: Workspace, text: str = "", archived: bool = False
) -> QuerySet[Experiment]:
    """Those whose name holds the text, the ones with the newest runs first."""
    rows = experiments_of(user=user, workspace=workspace)
    rows = rows.filter(archived_at__isnull=not archived, name__icontains=text)
    return rows.annotate(newest=Max("runs__pk")).order_by(F("newest").desc(nulls_last=True), "name")


def experiment_facts(*, user: User, experiments: Iterable[Experiment]) -> list[ExperimentFacts]:
    """What came of each, in their order."""
    listed = list(experiments)
    shown = runs_of(user=user).filter(experiment__in=listed, archived_at=None)
    counted = {row["experiment_id"]: row for row in _counts(shown)}
    recent, best = _results(listed, shown)
    return [_facts(each, counted.get(each.pk, {}), recent[each.pk], best) for each in listed]


def metric_names(*, experiment: Experiment) -> list[str]:
    """The metrics that its runs noted, by name; the first hundred."""
    rows = MetricSeries.objects.filter(run__experiment=experiment, count__gt=0)
    return list(rows.order_by("name").values_list("name", flat=True).distinct()[:100])


def _facts(
    experiment: Experiment,
    counted: dict[str, Any],
    recent: list[Result],
    best: dict[int, Result],
) -> ExperimentFacts:
    ends = [moment for name in ("created", "ended") if (moment := counted.get(name))]
    return ExperimentFacts(
        experiment=experiment,
        counts={name: counted.get(name, 0) for name, _ in _GROUPS},
        last_at=max(ends, default=None),
        best=best.get(experiment.pk),
        recent=recent,
    )


def _counts(shown: QuerySet[Run]) -> Iterable[Any]:
    groups = {name: Count("pk", filter=group) for name, group in _GROUPS}
    grouped = shown.order_by().values("experiment_id")
    return grouped.annotate(**groups, created=Max("created_at"), ended=Max("ended_at"))


def _results(
    listed: Sequence[Experiment], shown: QuerySet[Run]
) -> tuple[dict[int, list[Result]], dict[int, Result]]:
    """The newest results of each experiment, oldest first, and its best."""
    recent: dict[int, list[Result]] = defaultdict(list)
    best: dict[int, Result] = {}
    if not any(each.primary_metric for each in listed):
        return recent, best
    minimizes = Q(run__experiment__direction=Experiment.Direction.MINIMIZE)
    good = Case(When(minimizes, then=-F("last")), default=F("last"))
    group = "run__experiment_id"
    best_first = [good.desc(), F("run_id").asc()]
    rows = (
        MetricSeries.objects.filter(run__in=shown.filter(status=Status.COMPLETED))
        .filter(name=F("run__experiment__primary_metric"), last__isnull=False)
        .annotate(
            turn=Window(RowNumber(), partition_by=group, order_by=F("run_id").desc()),
            place=Window(RowNumber(), partition_by=group, order_by=best_first),
        )
        .filter(Q(turn__lte=RECENT) | Q(place=1))
        .order_by("run_id")
        .values_list("run__experiment_id", "run_id", "run__name", "last", "turn", "place")
    )
    for experiment_id, run_id, name, value, turn, place in rows:
        result = Result(run_id, name, value or 0.0)
        if turn <= RECENT:
            recent[experiment_id].append(result)
        if place == 1:
            best[experiment_id] = result
    return recent, best
