"""A build of an environment, with its log."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from environments.models import Build
from environments.selectors import build_get
from environments.services import build_cancel
from runs.selectors.builds import build_runs
from runs.views.logparts import log_part, log_tail
from runs.views.logs import asked_line, raw_log
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
    }


@page
def build(request: PageRequest, build_id: int) -> HttpResponse:
    """How it goes, what it says."""
    found = build_get(user=request.user, build_id=build_id)
    first = asked_line(request)
    part = log_part(found.log_key, first=first) if first else log_tail(found.log_key)
    context = _frame(request, found) | {
        "part": part,
        "is_part": bool(first),
        "log_name": f"build/{found.pk}",
        "page_url": f"{reverse('runs:build', args=[found.pk])}?",
        "raw_url": reverse("runs:build_raw", args=[found.pk]),
    }
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


@require_POST
@page
def cancel(request: PageRequest, build_id: int) -> HttpResponseRedirect:
    """Ask for its end."""
    found = build_get(user=request.user, build_id=build_id)
    build_cancel(user=request.user, build=found)
    messages.success(request, f"Build {found.pk} is asked to end.")
    return redirect("runs:build", found.pk)
