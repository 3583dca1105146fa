"""A build of an environment, with its log."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from environments.history import build_reason, build_took
from environments.models import Build
from environments.selectors import build_fault, build_get
from environments.services import build_cancel, build_order
from runs.selectors.builds import build_runs
from runs.views.loganswers import (
    cluster_response,
    marks_response,
    search_response,
    states_response,
    tail_response,
)
from runs.views.logparts import LogPlace, log_context
from runs.views.logs import raw_log
from studio.pages import PageRequest, is_contributor, page

_LIVE = frozenset({Build.Status.QUEUED, Build.Status.RUNNING})


def _frame(request: PageRequest, build: Build) -> dict[str, object]:
    return {
        "section": "environments",
        "build": build,
        "took": build.ended_at - build.started_at if build.ended_at and build.started_at else None,
        "is_live": build.status in _LIVE,
        "may_change": is_contributor(request, build.target.workspace),
        "runs": build_runs(user=request.user, build=build),
        "reason": build_reason(build=build),
        "took_before": build_took(version=build.version, target=build.target),
        "fault": build_fault(build=build),
    }


@page
def build(request: PageRequest, build_id: int) -> HttpResponse:
    """How it goes, what it says."""
    found = build_get(user=request.user, build_id=build_id)
    context = _frame(request, found)
    is_failed = found.status == Build.Status.FAILED
    context |= log_context(request, _place(found), is_failed=is_failed)
    return render(request, "runs/build.html", context)


@page
def live(request: PageRequest, build_id: int) -> HttpResponse:
    """The part of the page that changes."""
    found = build_get(user=request.user, build_id=build_id)
    return render(request, "runs/parts/build_head.html", _frame(request, found))


@page
def raw(request: PageRequest, build_id: int) -> HttpResponseBase:
    """Its log's bytes."""
    found = build_get(user=request.user, build_id=build_id)
    return raw_log(request, found.log_key, name=f"build-{found.pk}.log")


@page
def cluster(request: PageRequest, build_id: int, number: int) -> HttpResponse:
    """200 lines of its log."""
    return cluster_response(request, _asked(request, build_id), number)


@page
def tail(request: PageRequest, build_id: int) -> HttpResponse:
    """The end of its log."""
    return tail_response(request, _asked(request, build_id))


@page
def search(request: PageRequest, build_id: int) -> HttpResponse:
    """Which lines of its log match."""
    return search_response(request, _asked(request, build_id))


@page
def marks(request: PageRequest, build_id: int) -> HttpResponse:
    """What stands out in its log."""
    return marks_response(_asked(request, build_id))


@page
def states(request: PageRequest, build_id: int, line: int) -> HttpResponse:
    """What a progress bar in its log went through."""
    return states_response(request, _asked(request, build_id), line)


def _asked(request: PageRequest, build_id: int) -> LogPlace:
    return _place(build_get(user=request.user, build_id=build_id))


def _place(build: Build) -> LogPlace:
    url = reverse("runs:build", args=[build.pk])
    return LogPlace(
        key=build.log_key,
        times=f"{build.task}/times",
        name=f"build/{build.pk}",
        stream="run.log",
        url=f"{url}log/",
        page_url=url,
    )


@require_POST
@page
def cancel(request: PageRequest, build_id: int) -> HttpResponseRedirect:
    """Ask for its end."""
    found = build_get(user=request.user, build_id=build_id)
    build_cancel(user=request.user, build=found)
    messages.success(request, f"Build {found.pk} is asked to end.")
    return redirect("runs:build", found.pk)


@require_POST
@page
def rebuild(request: PageRequest, build_id: int) -> HttpResponseRedirect:
    """Have its environment made anew on its target."""
    found = build_get(user=request.user, build_id=build_id)
    build_order(user=request.user, version=found.version, target=found.target, is_rebuild=True)
    said = f"{found.version} is made anew on {found.target}; runs use what is there until then."
    messages.success(request, said)
    return redirect("environments:detail", found.version.environment.name)
