"""Environments: the list, one with its versions, and a new one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from environments.forms import EnvironmentForm
from environments.models import Environment, EnvironmentVersion
from environments.selectors import build_list, environment_get, environments_used
from environments.spec import REQUIREMENTS
from studio.models import Role
from studio.pages import PageRequest, current_workspace, is_contributor, page
from studio.selectors import require_role

SHOWN_BUILDS = 20


@page
def listed(request: PageRequest) -> HttpResponse:
    """What runs can execute in."""
    workspace = current_workspace(request)
    environments = list(environments_used(workspace=workspace))
    folder = Environment.Origin.FOLDER
    context = {
        "section": "environments",
        "workspace": workspace,
        "environments": [e for e in environments if e.origin != folder],
        "from_folders": [e for e in environments if e.origin == folder],
        "may_create": is_contributor(request, workspace),
    }
    return render(request, "environments/environment_list.html", context)


@page
def detail(request: PageRequest, name: str) -> HttpResponse:
    """One environment: its versions, what each locked, where it was built."""
    workspace = current_workspace(request)
    environment = environment_get(workspace=workspace, name=name)
    versions = list(environment.versions.select_related("created_by").prefetch_related("locks"))
    builds = build_list(workspace=workspace).filter(version__environment=environment)
    context = {
        "section": "environments",
        "environment": environment,
        "versions": versions,
        "builds": builds.order_by("-pk")[:SHOWN_BUILDS],
        "build_count": builds.count(),
        "shown_builds": SHOWN_BUILDS,
        "may_change": is_contributor(request, workspace)
        and environment.origin == Environment.Origin.OWN,
    }
    return render(request, "environments/environment_detail.html", context)


@require_http_methods(["GET", "POST"])
@page
def create(request: PageRequest) -> HttpResponse:
    """Define one; `from` names an environment whose newest definition the form begins with."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    if request.method == "POST":
        form = EnvironmentForm(request.POST)
        if form.is_valid():
            version = form.save(user=request.user, workspace=workspace)
            if version is not None:
                messages.success(request, f"{version} can be used now: the first run builds it.")
                return redirect("environments:detail", version.environment.name)
    else:
        earlier = request.GET.get("from", "")
        form = EnvironmentForm(
            initial=_initial(environment_get(workspace=workspace, name=earlier)) if earlier else {}
        )
    context = {"section": "environments", "form": form}
    status = 422 if form.errors else 200
    return render(request, "environments/environment_form.html", context, status=status)


def _initial(environment: Environment) -> dict[str, Any]:
    newest: EnvironmentVersion | None = environment.versions.first()
    spec = newest.spec if newest else {}
    is_own = environment.origin == Environment.Origin.OWN
    return {
        "name": environment.name if is_own else "",
        "description": environment.description if is_own else "",
        "kind": spec.get("kind", REQUIREMENTS),
        "requirements": spec.get("requirements", ""),
        "interpreter_path": spec.get("interpreter_path", ""),
    }
