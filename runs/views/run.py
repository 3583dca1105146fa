"""One run: its overview and the smaller tabs."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from environments.models import Build
from environments.selectors import module_advice
from runs.clusters import LogLines
from runs.labelform import LabelForm, initial_labels
from runs.models import Run
from runs.selectors.runs import run_artifacts, run_attempt, run_events, run_get, run_metrics
from runs.selectors.secrets import run_secrets
from runs.selectors.usage import run_usage
from runs.selectors.waiting import run_waiting
from runs.services.outputs import NOTE
from runs.states import EndReason, Status
from runs.stores import log_store
from runs.tracebacks import missing_module
from runs.views.again import command_line, python_line
from runs.views.artifactlist import LISTED, artifact_rows, top_artifacts
from runs.views.lanerows import lane_rows
from runs.views.logparts import log_end
from runs.views.metricrows import metric_rows
from runs.views.moments import run_moments
from runs.views.phases import run_phases
from runs.views.receipts import receipt_sentence
from runs.views.stopping import run_stopping
from studio.pages import PageRequest, is_contributor, page

TAIL_LINES = 20
METRICS_SHOWN = 200
"""On the overview; the tab of metrics has all of them."""
LIVE_TABS = frozenset({"overview", "artifacts", "events", "metrics", "resources"})
"""Tabs whose panel changes while a run goes on; the others never do, or look after themselves."""
_MARKS = {
    Status.QUEUED: "\N{WHITE CIRCLE}",
    Status.PREPARING: "\N{DOTTED CIRCLE}",
    Status.STARTING: "\N{CIRCLE WITH LEFT HALF BLACK}",
    Status.RUNNING: "\N{BLACK CIRCLE}",
    Status.FINALIZING: "\N{CIRCLE WITH LOWER HALF BLACK}",
    Status.COMPLETED: "\N{CHECK MARK}",
    Status.FAILED: "\N{BALLOT X}",
    Status.CANCELED: "\N{CIRCLED DIVISION SLASH}",
}


def run_frame(request: PageRequest, run: Run, tab: str) -> dict[str, Any]:
    """What the head above every tab shows."""
    return {
        "section": "runs",
        "run": run,
        "run_url": request.build_absolute_uri(reverse("runs:detail", args=[run.pk])),
        "tab": tab,
        "artifact_count": run.artifacts.count(),
        "metric_count": run.series.count(),
        "may_change": is_contributor(request, run.workspace),
        "stopping": run_stopping(run),
        "page_title": page_title(run),
        "command_line": command_line(run),
        "python_line": python_line(run),
    }


def page_title(run: Run) -> str:
    """What the tab of the browser says: how it is, then which one it is."""
    word = "stopping" if run_stopping(run) else run.status
    return f"{_MARKS[Status(run.status)]} {word} · {run.name} · {run.pk}"


@page
def overview(request: PageRequest, run_id: int) -> HttpResponse:
    """What it is, how it goes, what it said last."""
    run = run_get(user=request.user, ref=str(run_id))
    context = overview_context(request, run) | {
        "label_form": LabelForm(initial=initial_labels(run))
    }
    return render(request, "runs/run_overview.html", context)


def overview_context(request: PageRequest, run: Run) -> dict[str, Any]:
    """What the overview shows besides the form for its labels."""
    frame = run_frame(request, run, "overview") | {"secrets": run_secrets(run)}
    return frame | panel_of(run, "overview") | _output(run)


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
    return render(request, "runs/run_resources.html", context)


def panel_of(run: Run, tab: str) -> dict[str, Any]:
    """What the part of a tab shows that changes while the run goes on."""
    context: dict[str, Any] = {"panel": f"runs/panels/{tab}.html"}
    if tab == "overview":
        history = list(run_events(run=run))
        context |= {
            "phases": run_phases(run, history),
            "waiting": "" if run_stopping(run) else run_waiting(run=run),
            "advice": _advice(run),
            "metrics": run_metrics(run=run, most=METRICS_SHOWN),
            "top": top_artifacts(run_artifacts(run=run)),
            "receipt": receipt_sentence(run_attempt(run=run).receipt),
        }
    elif tab == "artifacts":
        listed = list(run_artifacts(run=run)[:LISTED])
        context |= {
            "rows": artifact_rows(run, listed),
            "listed": len(listed),
            "size_bytes": run_artifacts(run=run).aggregate(all=Sum("size_bytes"))["all"],
            "folder_is_there": run_attempt(run=run).folder_cleared_at is None,
            "missing": run_events(run=run).filter(kind=NOTE),
        }
    elif tab == "events":
        attempt = run_attempt(run=run)
        context |= {
            "moments": run_moments(run, run_events(run=run)),
            "attempt": attempt,
            "receipt": receipt_sentence(attempt.receipt),
        }
    elif tab == "metrics":
        context["rows"] = metric_rows(run_metrics(run=run))
    elif tab == "resources":
        usage = run_usage(run=run)
        context["rows"] = lane_rows(usage.times, usage.lanes(run.target.facts))
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
