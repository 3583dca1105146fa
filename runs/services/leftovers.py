"""What lies on a target and belongs to nothing any more: shown, and removed when asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from compute.models import ComputeTarget
from compute.services import target_place, target_places
from compute.session import RunnerRefused, Session, session_for
from compute.traces import CONTAINER, FOLDER, IMAGE, VOLUME, Trace
from compute.transports.base import TargetRefused, TargetUnreachable
from environments.models import Build
from runs.models import Attempt
from runs.states import FINAL
from studio.lib.refusal import Refused
from studio.models import Role, User
from studio.selectors import require_role
from studio.services import audit, instance_key

_SETTLED = timedelta(minutes=10)
"""What is younger may be in the making, or on its way out."""
_ORDER = (CONTAINER, IMAGE, VOLUME, FOLDER)
"""A container holds its image and its volume, so it goes first."""
_TASK = re.compile(r".*-(run|build)-(\d+)(?:-\d+)?")


@dataclass(frozen=True)
class Leftover:
    """One thing that nobody needs, and why."""

    kind: str
    name: str
    bytes: int | None
    made_at: datetime
    why: str
    is_alive: bool

    @property
    def mark(self) -> str:
        """By what it is chosen."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True)
class Cleaned:
    """What went, and what stays with the reason why."""

    removed: list[Leftover]
    kept: list[tuple[Leftover, str]]


def leftovers_find(*, user: User, target: ComputeTarget) -> list[Leftover]:
    """What of ours lies on a target and belongs to no run, build or target.

    Raises:
        Refused: the target does not answer.
    """
    require_role(user, target.workspace, Role.VIEWER)
    try:
        with session_for(target_place(target=target)) as session:
            found = _found(target, session)
            sizes = session.place.traces(session).weigh([trace for trace, _ in found])
    except (TargetUnreachable, TargetRefused, RunnerRefused) as error:
        raise Refused(f"What was left on {target.name} cannot be looked at: {error}") from error
    return [_leftover(trace, why, sizes.get(trace.name)) for trace, why in found]


def leftovers_clean(
    *, user: User, target: ComputeTarget, marks: Collection[str] | None = None
) -> Cleaned:
    """Remove the chosen leftovers of a target, or all of them with None.

    Each is judged anew right before: what belongs to something by now stays, as does what lives.

    Raises:
        Refused: the target does not answer, or one that is chosen is no leftover there.
        Forbidden: the user is no admin here.
    """
    require_role(user, target.workspace, Role.ADMIN)
    try:
        with session_for(target_place(target=target)) as session:
            cleaned = _clean(target, session, marks)
    except (TargetUnreachable, TargetRefused, RunnerRefused) as error:
        raise Refused(f"{target.name} could not be cleaned: {error}") from error
    for one in cleaned.removed:
        audit(
            user=user,
            workspace=target.workspace,
            action="target.clean",
            subject=f"{target.name}: {one.kind} {one.name}"[:200],
        )
    return cleaned


def _clean(target: ComputeTarget, session: Session, marks: Collection[str] | None) -> Cleaned:
    there = {_leftover(trace, why).mark: trace for trace, why in _found(target, session)}
    if unknown := sorted(set(marks or ()) - set(there)):
        raise Refused(
            f"'{unknown[0]}' is no leftover of {target.name} (any more): look again what is there.",
            field="names",
        )
    chosen = [trace for mark, trace in there.items() if marks is None or mark in marks]
    removed, kept = [], []
    for trace in sorted(chosen, key=lambda trace: _ORDER.index(trace.kind)):
        why = dict(_judged(target, [trace])).get(trace)
        if why is None:
            continue  # it belongs to something by now
        one = _leftover(trace, why)
        try:
            session.place.traces(session).remove(trace)
        except (TargetRefused, RunnerRefused) as error:
            kept.append((one, str(error)))
        else:
            removed.append(one)
    return Cleaned(removed, kept)


def _found(target: ComputeTarget, session: Session) -> list[tuple[Trace, str]]:
    traces = session.place.traces(session)
    found = traces.found(owner=instance_key(), neighbours=target_places(kind=target.kind))
    return sorted(_judged(target, found), key=lambda item: (item[0].kind, item[0].name))


def _judged(target: ComputeTarget, traces: Sequence[Trace]) -> list[tuple[Trace, str]]:
    """Those that nobody needs, with the reason."""
    tasks = {trace.task for trace in traces if trace.task}
    attempts = {
        attempt.folder: attempt
        for attempt in Attempt.objects.filter(folder__in=tasks).select_related("run")
    }
    builds = {build.pk: build for build in Build.objects.filter(pk__in=_numbers("build", tasks))}
    judged = []
    for trace in traces:
        found = _TASK.fullmatch(trace.task)
        if found is None:
            why = trace.why if not trace.task and _is_settled(trace.made_at) else ""
        elif found[1] == "build":
            why = _of_build(trace, target, int(found[2]), builds.get(int(found[2])))
        else:
            why = _of_run(trace, target, int(found[2]), attempts.get(trace.task))
        if why:
            judged.append((trace, why))
    return judged


def _of_run(trace: Trace, target: ComputeTarget, number: int, attempt: Attempt | None) -> str:
    """Why something of a run is left over; "" if it is not, or another target shows it."""
    if attempt is None:
        return f"Run {number} was deleted." if _is_settled(trace.made_at) else ""
    if attempt.run.target_id != target.pk or attempt.run.status not in FINAL:
        return ""
    if trace.kind == FOLDER:
        cleared = attempt.folder_cleared_at
        return f"The folder of run {number} was to be removed." if _is_over(cleared) else ""
    return f"Run {number} has ended." if _is_over(attempt.ended_at) else ""


def _of_build(trace: Trace, target: ComputeTarget, number: int, build: Build | None) -> str:
    """The same of a build."""
    if build is None:
        return f"Build {number} was deleted." if _is_settled(trace.made_at) else ""
    if build.target_id != target.pk or not _is_over(build.ended_at):
        return ""
    return f"Build {number} has ended."


def _is_over(moment: datetime | None) -> bool:
    """Whether it is long enough ago for what follows to have been done."""
    return moment is not None and moment < timezone.now() - _SETTLED


def _is_settled(made_at: float) -> bool:
    return _is_over(datetime.fromtimestamp(made_at, UTC))


def _numbers(kind: str, tasks: Iterable[str]) -> list[int]:
    found = map(_TASK.fullmatch, tasks)
    return [int(match[2]) for match in found if match is not None and match[1] == kind]


def _leftover(trace: Trace, why: str, size: int | None = None) -> Leftover:
    return Leftover(
        kind=trace.kind,
        name=trace.name,
        bytes=trace.bytes if size is None else size,
        made_at=datetime.fromtimestamp(trace.made_at, UTC),
        why=why,
        is_alive=trace.is_alive,
    )
