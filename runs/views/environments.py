"""What a run ran in, and what another run had otherwise."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from runs.selectors.runs import run_get
from runs.views.comparing import picker
from runs.views.parameters import lock_differences, run_lock
from runs.views.run import run_frame
from studio.pages import PageRequest, page


@page
def environment(request: PageRequest, run_id: int) -> HttpResponse:
    """The definition, the lock, the build; with `with`, the packages that differ."""
    run = run_get(user=request.user, ref=str(run_id))
    context = run_frame(request, run, "environment") | picker(request, run)
    other = context["other"]
    context |= {
        "version": run.environment_version,
        "lock": run_lock(run),
        "other_lock": run_lock(other) if other else None,
        "packages": lock_differences(other, run) if other else [],
    }
    return render(request, "runs/run_environment.html", context)
