"""Finding anything by a part of its name: one query for each kind of thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.urls import reverse

from compute.selectors import target_list
from environments.selectors import environment_list
from runs.models import Run
from runs.selectors.runs import experiment_list, runs_of
from runs.selectors.sources import source_list
from studio.models import User, Workspace

_RUNS, _OTHERS = 8, 5
_EXACT, _BEGINS, _HOLDS = 0, 1, 2
_ID_LEAST = 4
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Found:
    """One thing with the page that shows it."""

    kind: str
    label: str
    detail: str
    url: str
    status: str = ""
    exact: bool = False
    """Whether the words are its number or its whole name."""


def find(*, user: User, workspace: Workspace, text: str) -> list[Found]:
    """What the words may mean in a workspace: exact ones first, then by how they begin.

    Without words, the caller's newest runs.
    """
    words = text.strip()
    runs = _runs(user, workspace, words)
    if not words:
        return [_run(run) for run in runs]
    found = [(_rank(run.name, words, number=run.pk, uid=run.uid), _run(run)) for run in runs]
    for kind, address, rows in (
        ("experiment", "runs:experiment", experiment_list(user=user, workspace=workspace)),
        ("target", "runs:target", target_list(user=user, workspace=workspace)),
        ("environment", "environments:detail", environment_list(workspace=workspace)),
        ("source", "runs:source", source_list(user=user, workspace=workspace)),
    ):
        for row in _named(rows, words):
            thing = Found(kind, row.name, "", reverse(address, args=[row.name]))
            found.append((_rank(row.name, words), thing))
    ranked = sorted(found, key=lambda each: each[0])
    return [_marked(thing, exact=rank == _EXACT) for rank, thing in ranked]


def _runs(user: User, workspace: Workspace, words: str) -> Iterable[Run]:
    rows = runs_of(user=user).filter(workspace=workspace, archived_at=None)
    rows = rows.select_related("experiment")
    if not words:
        return rows.filter(submitted_by=user).order_by("-pk")[:_OTHERS]
    exact = Q(name__iexact=words)
    if words.lstrip("#").isdecimal() and len(words) < 12:
        exact |= Q(pk=int(words.lstrip("#")))
    if len(words) >= _ID_LEAST and _HEX.issuperset(words):
        exact |= Q(uid__startswith=words)
    return _ranked(rows, words, exact, "-pk")[:_RUNS]


def _named(rows: QuerySet[Any], words: str) -> QuerySet[Any]:
    return _ranked(rows, words, Q(name__iexact=words), "name")[:_OTHERS]


def _ranked(rows: QuerySet[Any], words: str, exact: Q, order: str) -> QuerySet[Any]:
    rank = Case(
        When(exact, then=Value(_EXACT)),
        When(name__istartswith=words, then=Value(_BEGINS)),
        default=Value(_HOLDS),
        output_field=IntegerField(),
    )
    matching: QuerySet[Any] = rows.filter(exact | Q(name__icontains=words)).alias(rank=rank)
    return matching.order_by("rank", order)


def _rank(name: str, words: str, *, number: int = 0, uid: str = "") -> int:
    low, asked = name.lower(), words.lower()
    if low == asked or str(number) == words.lstrip("#"):
        return _EXACT
    if uid and len(words) >= _ID_LEAST and uid.startswith(words):
        return _EXACT
    return _BEGINS if low.startswith(asked) else _HOLDS


def _run(run: Run) -> Found:
    label, detail = f"{run.pk} {run.name}", f"in {run.experiment.name}"
    return Found("run", label, detail, reverse("runs:detail", args=[run.pk]), run.status)


def _marked(thing: Found, *, exact: bool) -> Found:
    return Found(thing.kind, thing.label, thing.detail, thing.url, thing.status, exact)
