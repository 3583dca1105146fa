"""The first page, and the example that it offers."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from runs.selectors.home import home_facts
from runs.services.examples import example_submit
from runs.views.rows import run_rows
from studio.pages import WORKSPACE, PageRequest, current_workspace, is_contributor, page
from studio.selectors import workspace_for


@page
def home(request: PageRequest) -> HttpResponse:
    """My live runs, what failed lately, how busy the targets are, and a ready example."""
    return render(request, "runs/home.html", _facts(request))


@page
def home_live(request: PageRequest) -> HttpResponse:
    """The part of the first page that changes."""
    return render(request, "runs/parts/home_live.html", _facts(request))


def _facts(request: PageRequest) -> dict[str, object]:
    workspace = current_workspace(request)
    facts = home_facts(user=request.user, workspace=workspace)
    return {
        "workspace": workspace,
        "facts": facts,
        "live_rows": [(row, facts.waiting[row.run.pk]) for row in run_rows(facts.live)],
        "completed_rows": run_rows(facts.completed),
        "address": request.build_absolute_uri("/"),
        "may_submit": is_contributor(request, workspace),
    }


@require_POST
@page
def example(request: PageRequest) -> HttpResponseRedirect:
    """Submit the ready example and go to its page."""
    run = example_submit(user=request.user, workspace=current_workspace(request))
    return redirect("runs:detail", run.pk)


@require_POST
@page
def choose_workspace(request: PageRequest) -> HttpResponseRedirect:
    """Look at another workspace from now on."""
    chosen = workspace_for(user=request.user, slug=request.POST.get("workspace", ""))
    request.session[WORKSPACE] = chosen.slug
    return redirect("runs:home")
