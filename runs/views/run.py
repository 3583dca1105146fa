"""One run: its overview and the smaller tabs."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from environments.models import Build
from environments.selectors import module_advice
from runs.clusters import LogLines
from runs.models import Run
from runs.selectors.files import run_samples
from runs.selectors.runs import run_artifacts, run_attempt, run_events, run_get, run_metrics
from runs.selectors.waiting import run_waiting
from runs.states import EndReason, Status
from runs.stores import log_store
from runs.tracebacks import missing_module
from runs.views.curves import sample_curves
from runs.views.logparts import log_end
from runs.views.phases import run_phases
from runs.views.receipts import receipt_sentence
from studio.pages import PageRequest, is_contributor, page

TAIL_LINES = 20
LIVE_TABS = frozenset({"overview", "artifacts", "events", "resources"})
"""Tabs whose panel changes while a run goes on; the others never do, or look after themselves."""


def run_frame(request: PageRequest, run: Run, tab: str) -> dict[str, Any]:
    """What the head above every tab shows."""
    return {
        "section": "runs",
        "run": run,
        "run_url": request.build_absolute_uri(reverse("runs:detail", args=[run.pk])),
        "tab": tab,
        "artifact_count": run.artifacts.count(),
        "may_change": is_contributor(request, run.workspace),
        "is_stopping": run.cancel_requested_at is not None and not run.is_final,
    }


@page
def overview(request: PageRequest, run_id: int) -> HttpResponse:
    """What it is, how it goes, what it said last."""
    run = run_get(user=request.user, ref=str(run_id))
    context = run_frame(request, run, "overview") | panel_of(run, "overview") | _output(run)
    return render(request, "runs/run_overview.html", context)


@page
def live(request: PageRequest, run_id: int) -> HttpResponse:
    """The head, and with it what changes in the tabs and in the panel of the open one."""
    run = run_get(user=request.user, ref=str(run_id))
    tab = request.GET.get("tab", "")
    context = run_frame(request, run, tab)
    if tab in LIVE_TABS:
        context |= panel_of(run, tab)
    return render(request, "runs/parts/run_live.html", context | {"is_swap": True})


@page
def output(request: PageRequest, run_id: int) -> HttpResponse:
    """The log at the foot of the overview, once it is another one than the page shows."""
    run = run_get(user=request.user, ref=str(run_id))
    context = {"run": run} | _output(run)
    if context["log_name"] == request.GET.get("shown"):
        return HttpResponse(status=204)
    return render(request, "runs/parts/run_output.html", context)


@page
def events(request: PageRequest, run_id: int) -> HttpResponse:
    """Its history."""
    run = run_get(user=request.user, ref=str(run_id))
    context = run_frame(request, run, "events") | panel_of(run, "events")
    return render(request, "runs/run_tab.html", context)


@page
def resources(request: PageRequest, run_id: int) -> HttpResponse:
    """What its processes used."""
    run = run_get(user=request.user, ref=str(run_id))
    context = run_frame(request, run, "resources") | panel_of(run, "resources")
    return render(request, "runs/run_tab.html", context)


@page
def environment(request: PageRequest, run_id: int) -> HttpResponse:
    """What it ran in: the definition, the lock, the build."""
    run = run_get(user=request.user, ref=str(run_id))
    version = run.environment_version
    lock = run.build.lock if run.build else version.locks.order_by("-pk").first()
    context = run_frame(request, run, "environment") | {"version": version, "lock": lock}
    return render(request, "runs/run_environment.html", context)


def panel_of(run: Run, tab: str) -> dict[str, Any]:
    """What the part of a tab shows that changes while the run goes on."""
    context: dict[str, Any] = {"panel": f"runs/panels/{tab}.html"}
    if tab == "overview":
        history = list(run_events(run=run))
        context |= {
            "phases": run_phases(run, history),
            "waiting": run_waiting(run=run),
            "advice": _advice(run),
            "metrics": run_metrics(run=run),
            "receipt": receipt_sentence(run_attempt(run=run).receipt),
        }
    elif tab == "artifacts":
        context |= {
            "artifacts": run_artifacts(run=run),
            "folder_is_there": run_attempt(run=run).folder_cleared_at is None,
        }
    elif tab == "events":
        context["events"] = run_events(run=run)
    elif tab == "resources":
        context["curves"] = sample_curves(run_samples(run=run))
    return context


def _advice(run: Run) -> dict[str, str]:
    """What a run that lacked a module can be run again with."""
    missing = missing_module(run.error)
    if not missing:
        return {}
    distribution, environment = module_advice(workspace=run.workspace, missing=missing)
    return {"distribution": distribution, "environment": environment or ""}


def _output(run: Run) -> dict[str, Any]:
    """The end of the log that matters: the build's while it goes on, or when it failed."""
    build = run.build
    is_made = run.status == Status.PREPARING and build and build.status == Build.Status.RUNNING
    if build and (is_made or run.end_reason == EndReason.BUILD_FAILED):
        part = log_end(LogLines(log_store(), build.log_key), rows=TAIL_LINES)
        return {"log_name": f"build/{build.pk}", "is_build": True, "part": part}
    part = log_end(LogLines(log_store(), run_attempt(run=run).log_key), rows=TAIL_LINES)
    return {"log_name": f"run/{run.pk}", "is_build": False, "part": part}
