"""Environments: the list, and one with its versions."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from compute.selectors import target_list
from environments.models import Environment, EnvironmentVersion
from environments.selectors import build_list, environments_used, order_list, version_find
from environments.spec import USER_MANAGED
from environments.usage import VersionRow, experiments_using, offers, version_rows
from studio.models import Workspace
from studio.pages import PageRequest, current_workspace, is_contributor, page

SHOWN_BUILDS = 20
SHOWN_EXPERIMENTS = 20


@page
def listed(request: PageRequest) -> HttpResponse:
    """What runs can execute in; with `archived` what is out of use."""
    workspace = current_workspace(request)
    is_archived = request.GET.get("archived") == "1"
    rows = list(environments_used(workspace=workspace, is_archived=is_archived))
    origins = Environment.Origin
    curated = rows if is_archived else []
    context = {
        "section": "environments",
        "workspace": workspace,
        "archived": is_archived,
        "offers": [] if is_archived else offers(workspace=workspace),
        "curated": [row for row in curated if row.origin == origins.CURATED],
        "own": [row for row in rows if row.origin == origins.OWN],
        "from_folders": [row for row in rows if row.origin == origins.FOLDER],
        "may_create": is_contributor(request, workspace),
    }
    return render(request, "environments/environment_list.html", context)


@page
def detail(request: PageRequest, name: str, number: int | None = None) -> HttpResponse:
    """One environment: its versions, and of one of them what it is, locked, used by, built."""
    workspace = current_workspace(request)
    reference = name if number is None else f"{name}:{number}"
    version = version_find(workspace=workspace, reference=reference)
    environment = version.environment
    rows = version_rows(environment=environment)
    shown = next(row for row in rows if row.version == version)
    builds = build_list(workspace=workspace).filter(version__environment=environment)
    may_change = is_contributor(request, workspace)
    experiments = experiments_using(version=version)
    context = {
        "section": "environments",
        "workspace": workspace,
        "environment": environment,
        "rows": rows,
        "shown": shown,
        "version": shown.version,
        "locks": list(shown.version.locks.all()),
        "is_single": len(rows) == 1,
        "previous": _compared_with(rows, version),
        "experiments": experiments[:SHOWN_EXPERIMENTS],
        "more_experiments": max(0, len(experiments) - SHOWN_EXPERIMENTS),
        "orders": order_list(workspace=workspace, environment=environment.name),
        "builds": builds[:SHOWN_BUILDS],
        "build_count": builds.count(),
        "shown_builds": SHOWN_BUILDS,
        "update": version.lock_updates.exclude(status="applied").order_by("-pk").first(),
        "may_change": may_change,
        "may_edit": may_change and environment.origin == Environment.Origin.OWN,
        "may_update": may_change and _can_update(shown.version),
        "build_targets": _build_targets(request, workspace, shown.version) if may_change else [],
    }
    return render(request, "environments/environment_detail.html", context)


def _build_targets(
    request: PageRequest, workspace: Workspace, version: EnvironmentVersion
) -> list[str]:
    """Where it can be built; nothing is ever built for somebody else's Python."""
    if version.spec["kind"] == USER_MANAGED or version.archived_at:
        return []
    return [target.name for target in target_list(workspace=workspace, user=request.user)]


def _compared_with(
    rows: list[VersionRow], version: EnvironmentVersion
) -> EnvironmentVersion | None:
    """The version before it; for the first one the newest."""
    others = [row.version for row in rows if row.version != version]
    before = (other for other in others if other.number < version.number)
    return next(before, others[0] if others else None)


def _can_update(version: EnvironmentVersion) -> bool:
    is_used = version.archived_at is None and version.environment.archived_at is None
    is_curated = version.environment.origin == Environment.Origin.CURATED
    return is_used and not is_curated and bool(version.locks.all())
