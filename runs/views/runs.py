"""The list of runs."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from compute.selectors import target_list
from runs.selectors.rows import runs_by_ids
from runs.selectors.runs import RunFilters, experiment_list, run_list, runs_of
from runs.states import Status
from runs.views.rows import run_rows
from studio.lib.refusal import Refused
from studio.pages import PageRequest, current_workspace, page

_PAGE_SIZES = (50, 100, 250)
_MAX_ROWS = 250
_GROUPS = (("", "all"), ("live", "live"), ("failed", "failed"), ("completed", "completed"))
_COLUMNS = (
    ("status", "Status", ""),
    ("name", "Name", ""),
    ("experiment", "Experiment", "wide"),
    ("target", "Target", "wide"),
    ("", "Metrics", "wide"),
    ("created", "Submitted", "wide"),
    ("", "Duration", "num"),
)


@page
def listed(request: PageRequest) -> HttpResponse:
    """The runs that match, a page at a time."""
    workspace = current_workspace(request)
    filters = _filters(request)
    problem = ""
    try:
        found = run_list(user=request.user, workspace=workspace, filters=filters)
    except Refused as error:
        problem = error.sentence
        found = run_list(user=request.user, workspace=workspace, filters=RunFilters())
    newest = runs_of(user=request.user).filter(workspace=workspace).aggregate(newest=Max("pk"))
    context = {
        "section": "runs",
        "workspace": workspace,
        "found": found,
        "first": (found.page - 1) * filters.page_size + 1,
        "last": (found.page - 1) * filters.page_size + len(found.items),
        "rows": run_rows(found.items),
        "filters": filters,
        "problem": problem,
        "is_filtered": any(request.GET.get(name) for name in _FIELDS),
        "newest": newest["newest"] or 0,
        "groups": _GROUPS,
        "statuses": list(Status),
        "columns": _columns(filters.sort),
        "page_sizes": _PAGE_SIZES,
        "experiments": list(experiment_list(user=request.user, workspace=workspace)),
        "targets": list(target_list(user=request.user, workspace=workspace)),
    }
    return render(request, "runs/run_list.html", context, status=422 if problem else 200)


@page
def rows(request: PageRequest) -> HttpResponse:
    """Rows of some runs as they are now, for a page that shows older ones."""
    ids = [int(part) for part in request.GET.get("ids", "").split(",") if part.isdigit()]
    runs = runs_by_ids(user=request.user, ids=ids[:_MAX_ROWS])
    return render(request, "runs/parts/run_rows.html", {"rows": run_rows(runs)})


_FIELDS = ("status", "experiment", "target", "tag", "q", "archived")


def _filters(request: HttpRequest) -> RunFilters:
    given = request.GET
    return RunFilters(
        status=given.get("status", ""),
        experiment=given.get("experiment", ""),
        target=given.get("target", ""),
        tag=given.get("tag", "").strip(),
        text=given.get("q", "").strip(),
        sort=given.get("sort") or "-created",
        page=_whole(given.get("page"), 1),
        page_size=_size(given.get("size")),
        archived=given.get("archived") == "1",
    )


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else otherwise


def _size(text: str | None) -> int:
    wanted = _whole(text, _PAGE_SIZES[0])
    return wanted if wanted in _PAGE_SIZES else _PAGE_SIZES[0]


def _columns(sort: str) -> list[dict[str, Any]]:
    """The table's head: each sortable column with the order that a click leads to."""
    columns = []
    for key, label, classes in _COLUMNS:
        is_down = sort == f"-{key}"
        order = "" if key != sort.removeprefix("-") else "descending" if is_down else "ascending"
        columns.append(
            {
                "key": key,
                "label": label,
                "classes": classes,
                "order": order,
                "arrow": {"ascending": "↑", "descending": "↓"}.get(order, ""),
                "next": key if is_down or (not order and key != "created") else f"-{key}",
            }
        )
    return columns
