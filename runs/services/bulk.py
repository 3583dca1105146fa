"""One thing done to many runs, with a true account of what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from runs.models import Run
from runs.services.cancel import Wish, run_archive, run_cancel, run_requeue
from runs.services.labels import run_tag
from runs.services.retention import run_delete, run_restore
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import User

AT_ONCE = 1000
"""So many runs one action may touch: each is a service call within one request."""
_TOGETHER = 50


@dataclass
class Account:
    """What came of an action on many runs."""

    changed: list[int] = field(default_factory=list)
    """Their numbers."""
    ended: list[int] = field(default_factory=list)
    """Those among them that waited in the queue, and whose cancel can be taken back."""
    replaced: dict[int, str | None] = field(default_factory=dict)
    """The value that a tag of them had before; None: they had no such tag."""
    unchanged: int = 0
    """So many were that way already."""
    refusals: list[str] = field(default_factory=list)
    """Why not, a sentence a run."""


def runs_cancel(*, user: User, runs: Iterable[Run]) -> Account:
    """Ask for the end of each."""
    account = Account()

    def cancel(run: Run) -> bool:
        wish = run_cancel(user=user, run=run)
        if wish is Wish.ENDED:
            account.ended.append(run.pk)
        return wish is not Wish.NOTHING

    return _each(runs, cancel, account)


def runs_requeue(*, user: User, runs: Iterable[Run]) -> Account:
    """Take the cancel of each back."""
    return _each(runs, lambda run: run_requeue(user=user, run=run))


def runs_archive(*, user: User, runs: Iterable[Run], archived: bool) -> Account:
    """Hide each from lists, or show it again."""
    return _each(runs, lambda run: run_archive(user=user, run=run, archived=archived))


def runs_delete(*, user: User, runs: Iterable[Run]) -> Account:
    """Put each into the trash."""
    return _each(runs, lambda run: run_delete(user=user, run=run))


def runs_restore(*, user: User, runs: Iterable[Run]) -> Account:
    """Take each out of the trash."""
    return _each(runs, lambda run: run_restore(user=user, run=run))


def runs_tag(
    *,
    user: User,
    runs: Iterable[Run],
    name: str,
    values: Mapping[int, str | None] | str | None,
) -> Account:
    """Give each a tag: of one value, or of a value for each run; None takes it away."""
    account = Account()

    def tag(run: Run) -> bool:
        value = values[run.pk] if isinstance(values, Mapping) else values
        changed, before = run_tag(user=user, run=run, name=name, value=value)
        if changed:
            account.replaced[run.pk] = before
        return changed

    return _each(runs, tag, account)


def check_count(runs: Sequence[object]) -> None:
    """Refuse more runs than one request can take."""
    if len(runs) > AT_ONCE:
        raise Refused(
            f"{len(runs):,} runs were chosen, so nothing was done: {AT_ONCE:,} at most at a time. "
            "Narrow the filter, and repeat."
        )


def _each(
    runs: Iterable[Run], service: Callable[[Run], bool | None], account: Account | None = None
) -> Account:
    """Call a service for each run; one that answers False changed nothing.

    One that is refused costs the others nothing. Some runs at a time are written together, which
    spares the disk and holds up nobody else for long.

    Raises:
        Forbidden, NotFound: the user may not do this at all.
    """
    account = account or Account()
    waiting = list(runs)
    for start in range(0, len(waiting), _TOGETHER):
        with transaction.atomic():
            for run in waiting[start : start + _TOGETHER]:
                _one(run, service, account)
    return account


def _one(run: Run, service: Callable[[Run], bool | None], account: Account) -> None:
    try:
        with transaction.atomic():
            changed = service(run)
    except (Forbidden, NotFound):
        raise
    except Refused as error:
        account.refusals.append(error.sentence)
        return
    if changed is False:
        account.unchanged += 1
    else:
        account.changed.append(run.pk)
