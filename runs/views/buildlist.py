"""All builds of a workspace."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from compute.selectors import target_list
from environments.models import Build
from environments.selectors import BUILD_GROUPS, build_list, order_list
from studio.pages import PageRequest, current_workspace, page

SHOWN = 50
_ASKED = ("status", "target", "environment")


@page
def builds(request: PageRequest) -> HttpResponse:
    """The newest, or those that a status, a target and an environment leave."""
    return render(request, "runs/builds.html", _context(request))


@page
def builds_live(request: PageRequest) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "runs/parts/build_list.html", _context(request))


def _context(request: PageRequest) -> dict[str, Any]:
    workspace = current_workspace(request)
    asked = {name: request.GET.get(name, "").strip() for name in _ASKED}
    rows = build_list(workspace=workspace, **asked)
    before = request.GET.get("before", "")
    total = rows.count()
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: SHOWN + 1])
    query = request.GET.copy()
    query.pop("before", None)
    return {
        "section": "environments",
        "workspace": workspace,
        "asked": asked,
        "is_filtered": any(asked.values()),
        "statuses": [*BUILD_GROUPS, *Build.Status.values],
        "targets": [target.name for target in target_list(workspace=workspace, user=request.user)],
        "orders": [] if before else order_list(workspace=workspace, **asked),
        "builds": found[:SHOWN],
        "total": total,
        "older": found[SHOWN - 1].pk if len(found) > SHOWN else None,
        "is_first": not before,
        "query": query.urlencode(),
    }
