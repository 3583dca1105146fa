"""Experiments: listed by what came of them, made, described, archived."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from runs.experimentforms import ExperimentForm
from runs.models import Experiment
from runs.selectors.experiments import (
    experiment_facts,
    experiment_get,
    experiments_busiest,
    metric_names,
)
from runs.selectors.runs import experiment_runs
from runs.services.experiments import experiment_archive
from runs.views.rows import run_rows
from studio.models import Role
from studio.pages import PageRequest, current_workspace, is_contributor, page
from studio.selectors import require_role
from studio.toasts import toast

_PAGE_SIZE = 50
_SHOWN_RUNS = 20


@page
def listed(request: PageRequest) -> HttpResponse:
    """Those of the workspace, the ones with the newest runs first."""
    return render(request, "runs/experiment_list.html", _list(request))


@page
def listed_live(request: PageRequest) -> HttpResponse:
    """The table alone."""
    return render(request, "runs/parts/experiment_table.html", _list(request))


def _list(request: PageRequest) -> dict[str, Any]:
    workspace = current_workspace(request)
    words, archived = request.GET.get("q", "").strip(), request.GET.get("archived") == "1"
    rows = experiments_busiest(
        user=request.user, workspace=workspace, text=words, archived=archived
    )
    shown = Paginator(rows, _PAGE_SIZE).get_page(request.GET.get("page"))
    return {
        "section": "experiments",
        "workspace": workspace,
        "shown": shown,
        "facts": experiment_facts(user=request.user, experiments=shown.object_list),
        "words": words,
        "archived": archived,
        "may_change": is_contributor(request, workspace),
    }


@page
def detail(request: PageRequest, name: str) -> HttpResponse:
    """One experiment: what it is for, its best and its newest runs."""
    workspace = current_workspace(request)
    experiment = experiment_get(user=request.user, workspace=workspace, name=name)
    runs = experiment_runs(user=request.user, experiment=experiment)
    context = {
        "section": "experiments",
        "workspace": workspace,
        "experiment": experiment,
        "facts": experiment_facts(user=request.user, experiments=[experiment])[0],
        "rows": run_rows(runs[:_SHOWN_RUNS]),
        "may_change": is_contributor(request, workspace),
    }
    return render(request, "runs/experiment_detail.html", context)


@require_http_methods(["GET", "POST"])
@page
def create(request: PageRequest) -> HttpResponse:
    """Name one before its first run."""
    return _form_page(request, None)


@require_http_methods(["GET", "POST"])
@page
def edit(request: PageRequest, name: str) -> HttpResponse:
    """Rename it, describe it, choose the metric by which its runs are compared."""
    workspace = current_workspace(request)
    return _form_page(request, experiment_get(user=request.user, workspace=workspace, name=name))


def _form_page(request: PageRequest, experiment: Experiment | None) -> HttpResponse:
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    names = metric_names(experiment=experiment) if experiment else []
    form = ExperimentForm(request.POST or None, experiment=experiment, metrics=names)
    if request.method == "POST" and form.is_valid():
        saved = form.save(user=request.user, workspace=workspace)
        if saved is not None:
            return redirect("runs:experiment", saved.name)
    context = {"section": "experiments", "form": form, "experiment": experiment}
    status = 422 if form.errors else 200
    return render(request, "runs/experiment_form.html", context, status=status)


@require_POST
@page
def archive(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Leave it out of lists, or show it again."""
    workspace = current_workspace(request)
    experiment = experiment_get(user=request.user, workspace=workspace, name=name)
    archived = request.POST.get("archived", "1") == "1"
    experiment_archive(user=request.user, experiment=experiment, archived=archived)
    toast(
        request,
        f"The experiment {name} is archived; a new run of it brings it back."
        if archived
        else f"The experiment {name} is in the list again.",
        undo_url=reverse("runs:experiment_archive", args=[name]),
        fields=[("archived", 0 if archived else 1)],
    )
    return redirect("runs:experiments" if archived else reverse("runs:experiment", args=[name]))
