"""One action on many runs, and its way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from runs.models import Run
from runs.query import QueryError, parse
from runs.selectors.runs import TRASH_DAYS, runs_matching, runs_of, trash_of
from runs.services.bulk import (
    Account,
    check_count,
    runs_archive,
    runs_cancel,
    runs_delete,
    runs_requeue,
    runs_restore,
    runs_tag,
)
from studio.lib.refusal import Refused
from studio.models import Role, User, Workspace
from studio.pages import PageRequest, current_workspace, page
from studio.selectors import require_role
from studio.toasts import toast

COMPARE = "compare"
"""The one button of the list that changes nothing."""
_NAMED = 3
"""So many refusals are told in full."""

Fields = list[tuple[str, str | int]]


@dataclass(frozen=True)
class Action:
    """What a button of the list does to the chosen runs."""

    call: Callable[[PageRequest, Sequence[Run]], Account]
    told: Callable[[PageRequest, Account], str]
    """What happened to those that were changed."""
    undo: Callable[[PageRequest, Account], Fields] | None = None
    """What the button of the toast posts; nothing: there is no way back."""


@require_POST
@page
def bulk(request: PageRequest) -> HttpResponseRedirect:
    """Do it to those that were chosen, say what came of it, and go back."""
    if request.POST.get("do") == COMPARE:
        return _compare(request)
    action = ACTIONS.get(request.POST.get("do", ""))
    if action is None:
        known = ", ".join([COMPARE, *ACTIONS])
        raise Refused(f"Runs can be asked to {known}: choose one of these.")
    workspace = current_workspace(request)
    runs, missing = _chosen(request, workspace)
    if not runs:
        require_role(request.user, workspace, Role.CONTRIBUTOR)
    account = action.call(request, runs)
    account.refusals += missing
    tell(request, account, action)
    return HttpResponseRedirect(_back(request))


def _compare(request: PageRequest) -> HttpResponseRedirect:
    """The newer of two runs beside the older; each is asked for again by the page that shows it."""
    numbers = numbers_of(request.POST.getlist("run"))
    if len(numbers) != 2:
        messages.error(request, f"Two runs are compared, and {len(numbers)} are chosen: tick two.")
        return HttpResponseRedirect(_back(request))
    older, newer = sorted(numbers)
    return HttpResponseRedirect(f"{reverse('runs:compare', args=[newer])}?with={older}")


def tell(request: PageRequest, account: Account, action: Action) -> None:
    """Say what was done, what was not and why, with the way back."""
    sentences = [action.told(request, account)] if account.changed else []
    if account.unchanged:
        sentences.append(f"{count_text(account.unchanged)} {_was(account.unchanged)} so already.")
    if account.refusals:
        sentences.append(_refused(account.refusals))
    if not account.changed:
        messages.error(request, " ".join(sentences) or "Nothing was chosen: tick some runs first.")
        return
    fields = action.undo(request, account) if action.undo else []
    back = [("next", _back(request))]
    toast(
        request,
        " ".join(sentences),
        undo_url=reverse("runs:bulk") if fields else "",
        fields=[*fields, *back] if fields else (),
    )


def count_text(count: int) -> str:
    """How many runs, in words that fit the number."""
    return f"{count:,} run{'' if count == 1 else 's'}"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _refused(sentences: Sequence[str]) -> str:
    rest = len(sentences) - _NAMED
    more = f" And {rest:,} more." if rest > 0 else ""
    return f"{len(sentences):,} refused: {' '.join(sentences[:_NAMED])}{more}"


def _chosen(request: PageRequest, workspace: Workspace) -> tuple[list[Run], list[str]]:
    """The runs that an action is for, and why others of them cannot be found."""
    is_restore = request.POST.get("do") == "restore"
    everything = (
        trash_of(user=request.user) if is_restore else runs_of(user=request.user).order_by("pk")
    ).select_related("workspace")
    if request.POST.get("all") == "1":
        runs = list(_matching(request, request.user, workspace).order_by("pk"))
        check_count(runs)
        return runs, []
    numbers = numbers_of(request.POST.getlist("run"))
    check_count(numbers)
    runs = list(everything.filter(pk__in=numbers))
    there = {run.pk for run in runs}
    where = "in the trash any more" if is_restore else "in the lists any more"
    missing = [f"Run {number} is not {where}." for number in numbers if number not in there]
    return runs, missing


def _matching(request: HttpRequest, user: User, workspace: Workspace) -> QuerySet[Run]:
    """All that match the query of the page, but for those that came after it was made."""
    try:
        query = parse(request.POST.get("q", ""))
    except QueryError as error:
        raise Refused(error.sentence, field="q") from error
    newest = numbers_of([request.POST.get("newest", "")])
    rows = runs_matching(user=user, workspace=workspace, query=query)
    return rows.filter(pk__lte=newest[0] if newest else 0).select_related("workspace")


def numbers_of(texts: Iterable[str]) -> list[int]:
    """The numbers of runs, each given by itself or in a list like "4,5"."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 12]
    return list(dict.fromkeys(numbers))


def _back(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_ours and wanted.startswith("/") else reverse("runs:list")


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def undo_fields(do: str, numbers: Iterable[int]) -> Fields:
    """What takes an action on these runs back."""
    return [("do", do), ("run", _joined(numbers))]


def _canceled(_: PageRequest, account: Account) -> str:
    told = len(account.changed) - len(account.ended)
    sentences = []
    if account.ended:
        sentences.append(f"Canceled {count_text(len(account.ended))} that waited.")
    if told:
        sentences.append(f"Told {count_text(told)} to stop.")
    return " ".join(sentences)


def _uncancel(_: PageRequest, account: Account) -> Fields:
    return undo_fields("requeue", account.ended) if account.ended else []


def _tag(request: HttpRequest) -> tuple[str, str]:
    name, _, value = request.POST.get("tag", "").strip().partition("=")
    if not name.strip():
        raise Refused("Write the tag beside the button first: paper, or seed=3.", field="tag")
    return name.strip(), value.strip()


def _tagged(request: HttpRequest, account: Account) -> str:
    return f"Tagged {count_text(len(account.changed))} with {request.POST['tag'].strip()}."


def _untagged(request: HttpRequest, account: Account) -> str:
    return f"Took the tag {_tag(request)[0]} from {count_text(len(account.changed))}."


def _retag_fields(request: HttpRequest, account: Account) -> Fields:
    before: dict[str | None, list[int]] = {}
    for number, value in account.replaced.items():
        before.setdefault(value, []).append(number)
    pairs = [[value, numbers] for value, numbers in before.items()]
    return [
        ("do", "retag"),
        ("run", _joined(account.replaced)),
        ("tag", _tag(request)[0]),
        ("before", json.dumps(pairs)),
    ]


def _values_before(request: HttpRequest) -> dict[int, str | None]:
    """The value that each run's tag had, as the undo button posts it."""
    try:
        pairs = json.loads(request.POST.get("before", ""))
        found = {int(number): value for value, numbers in pairs for number in numbers}
    except (ValueError, TypeError, OverflowError, RecursionError):
        found = {}
    if not found or not all(value is None or isinstance(value, str) for value in found.values()):
        raise Refused("What the tags were before was not understood: set them by hand.")
    return found


def _retag(request: PageRequest, runs: Sequence[Run]) -> Account:
    before = _values_before(request)
    known = [run for run in runs if run.pk in before]
    name = request.POST.get("tag", "")
    return runs_tag(user=request.user, runs=known, name=name, values=before)


def _done(words: str) -> Callable[[PageRequest, Account], str]:
    return lambda _, account: words.format(count_text(len(account.changed)))


def _undone_by(do: str) -> Callable[[PageRequest, Account], Fields]:
    return lambda _, account: undo_fields(do, account.changed)


ACTIONS = {
    "cancel": Action(
        lambda request, runs: runs_cancel(user=request.user, runs=runs), _canceled, _uncancel
    ),
    "requeue": Action(
        lambda request, runs: runs_requeue(user=request.user, runs=runs),
        _done("{} waits on the old place again."),
    ),
    "archive": Action(
        lambda request, runs: runs_archive(user=request.user, runs=runs, archived=True),
        _done("Archived {}."),
        _undone_by("unarchive"),
    ),
    "unarchive": Action(
        lambda request, runs: runs_archive(user=request.user, runs=runs, archived=False),
        _done("{} in the lists again."),
        _undone_by("archive"),
    ),
    "tag": Action(
        lambda request, runs: runs_tag(
            user=request.user, runs=runs, name=_tag(request)[0], values=_tag(request)[1]
        ),
        _tagged,
        _retag_fields,
    ),
    "untag": Action(
        lambda request, runs: runs_tag(
            user=request.user, runs=runs, name=_tag(request)[0], values=None
        ),
        _untagged,
        _retag_fields,
    ),
    "retag": Action(_retag, _done("The tag of {} is as it was.")),
    "delete": Action(
        lambda request, runs: runs_delete(user=request.user, runs=runs),
        _done(f"Moved {{}} to the trash, where they stay {TRASH_DAYS} days."),
        _undone_by("restore"),
    ),
    "restore": Action(
        lambda request, runs: runs_restore(user=request.user, runs=runs),
        _done("Restored {}."),
        _undone_by("delete"),
    ),
}
"""What can be done to many runs at once, by the word that a button sends."""
