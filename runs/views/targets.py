"""Compute targets with what runs and waits there."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from compute.backends import KINDS, Backend
from compute.models import ComputeTarget
from compute.selectors import data_list, data_writable, target_get, target_usable
from runs.selectors.targets import target_gpus, target_live_runs, target_loads, target_queue
from runs.views.rows import run_rows
from studio.models import Workspace
from studio.pages import PageRequest, current_workspace, is_admin, page

SHOWN = 100


@page
def targets(request: PageRequest) -> HttpResponse:
    """All targets: health, slots, queue."""
    return render(request, "compute/target_list.html", _list(request))


@page
def targets_live(request: PageRequest) -> HttpResponse:
    """The table alone."""
    return render(request, "compute/parts/target_table.html", _list(request))


def _list(request: PageRequest) -> dict[str, object]:
    workspace = current_workspace(request)
    loads = target_loads(user=request.user, workspace=workspace)
    return {
        "section": "targets",
        "workspace": workspace,
        "loads": loads,
        "has_gpus": any(load.target.gpus or load.lent for load in loads),
        "kinds": [kind for kind in KINDS.values() if _may_change(request, workspace, kind)],
    }


@page
def target(request: PageRequest, name: str) -> HttpResponse:
    """One target: what it is, what it does, who waits."""
    context = _detail(request, name)
    return render(
        request, "compute/target_detail.html", context | _data(request, context["target"])
    )


@page
def target_live(request: PageRequest, name: str) -> HttpResponse:
    """The part of its page that changes."""
    return render(request, "compute/parts/target_live.html", _detail(request, name))


def _detail(request: PageRequest, name: str) -> dict[str, Any]:
    workspace = current_workspace(request)
    found = target_get(user=request.user, workspace=workspace, name=name)
    queue = target_queue(user=request.user, target=found)
    running = target_live_runs(user=request.user, target=found)
    return {
        "section": "targets",
        "workspace": workspace,
        "target": found,
        "backend": KINDS.get(found.kind),
        "obstacle": target_usable(user=request.user, target=found),
        "running": run_rows(running[:SHOWN]),
        "busy": running.count(),
        "queue": run_rows(queue[:SHOWN]),
        "queued": queue.count(),
        "gpus": target_gpus(target=found),
        "shown": SHOWN,
        "may_change": _may_change(request, workspace, KINDS.get(found.kind)),
    }


def _data(request: PageRequest, found: ComputeTarget) -> dict[str, object]:
    """The named data of the workspace: where the target has it, and what it lacks."""
    named = list(data_list(user=request.user, workspace=found.workspace))
    here = {at.data_id: at for data in named for at in data.paths.all() if at.target_id == found.pk}
    may_name = is_admin(request, found.workspace)
    return {
        "data_here": [here[data.pk] for data in named if data.pk in here],
        "data_lacking": [data for data in named if data.pk not in here],
        "may_name": may_name and data_writable(user=request.user, target=found),
    }


def _may_change(request: PageRequest, workspace: Workspace, kind: Backend | None) -> bool:
    """Whether this person may register and change targets of a kind here."""
    if kind is not None and kind.owner_only:
        return request.user.is_superuser
    return is_admin(request, workspace)
