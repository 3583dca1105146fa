"""Compute targets with what runs and waits there."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from compute.backends import KINDS, Backend
from compute.healthline import target_healthline
from compute.models import ComputeTarget
from compute.selectors import data_list, data_writable, target_get, target_usable
from environments.built import built_list, built_rooms
from environments.models import Build
from environments.pythons import pythons_found, pythons_named
from environments.selectors import order_list
from runs.selectors.runs import runs_once
from runs.selectors.targets import (
    target_gpus,
    target_live_runs,
    target_loads,
    target_queue,
    target_recent,
)
from runs.selectors.waiting import runs_waiting
from runs.views.rows import run_rows
from studio.pages import PageRequest, current_workspace, is_admin, is_contributor, page

SHOWN = 100
RECENT = 10
_TOOLS = ("uv", "conda", "docker", "slurm", "spark")


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
    kinds = KINDS.values() if is_admin(request, workspace) else ()
    loads = target_loads(user=request.user, workspace=workspace)
    return {
        "section": "targets",
        "workspace": workspace,
        "loads": loads,
        "has_gpus": any(load.target.gpus or load.lent for load in loads),
        "kinds": [kind for kind in kinds if _may_own(request, kind)],
    }


@page
def target(request: PageRequest, name: str) -> HttpResponse:
    """One target: what it is, what it does, who waits."""
    context = _detail(request, name)
    data = _data(request, context["target"], may_name=context["may_order"])
    machine = _machine(context["target"])
    return render(request, "compute/target_detail.html", context | data | machine)


@page
def target_live(request: PageRequest, name: str) -> HttpResponse:
    """The part of its page that changes."""
    context = _detail(request, name) | {"is_swap": True}
    return render(request, "compute/parts/target_live.html", context)


def _detail(request: PageRequest, name: str) -> dict[str, Any]:
    workspace = current_workspace(request)
    found = target_get(user=request.user, workspace=workspace, name=name)
    found.workspace = workspace  # it is this one: nothing asks for it again
    queue = target_queue(user=request.user, target=found)
    holding = target_live_runs(user=request.user, target=found)
    ended = target_recent(user=request.user, target=found)
    waiting, running, recent = runs_once(queue[:SHOWN], holding[:SHOWN], ended[:RECENT])
    why = runs_waiting(runs=waiting)
    rows = run_rows([*running, *recent])
    may_order = is_admin(request, workspace)
    return {
        "section": "targets",
        "workspace": workspace,
        "target": found,
        "backend": KINDS.get(found.kind),
        "obstacle": target_usable(user=request.user, target=found),
        "running": rows[: len(running)],
        "busy": len(running) if len(running) < SHOWN else holding.count(),
        "recent": rows[len(running) :],
        "queue": [(place, run, why[run.pk]) for place, run in enumerate(waiting, start=1)],
        "queued": len(waiting) if len(waiting) < SHOWN else queue.count(),
        "building": found.builds.filter(status=Build.Status.RUNNING).count(),
        "gpus": target_gpus(target=found),
        "line": target_healthline(target=found),
        "kept": built_list(target=found),
        "rooms": built_rooms(target=found),
        "orders": order_list(workspace=workspace, target=found.name)[:RECENT],
        "may_keep": is_contributor(request, workspace),
        "shown": SHOWN,
        "may_order": may_order,
        "may_change": may_order and _may_own(request, KINDS.get(found.kind)),
    }


def _data(request: PageRequest, found: ComputeTarget, *, may_name: bool) -> dict[str, object]:
    """The named data of the workspace: where the target has it, and what it lacks."""
    named = list(data_list(user=request.user, workspace=found.workspace))
    here = {at.data_id: at for data in named for at in data.paths.all() if at.target_id == found.pk}
    return {
        "data_here": [here[data.pk] for data in named if data.pk in here],
        "data_lacking": [data for data in named if data.pk not in here],
        "may_name": may_name and data_writable(user=request.user, target=found),
    }


def _machine(found: ComputeTarget) -> dict[str, object]:
    """What builds can use there, beside what the page tells of the machine itself."""
    return {
        "tools": [name for name in _TOOLS if found.facts.get(name)],
        "pythons": pythons_named(pythons_found(found.facts) or ()),
    }


def _may_own(request: PageRequest, kind: Backend | None) -> bool:
    """Whether an admin may also register and change targets of this kind."""
    return kind is None or not kind.owner_only or request.user.is_superuser
