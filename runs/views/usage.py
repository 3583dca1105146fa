"""What a run's processes used, as charts draw it."""

from __future__ import annotations

from django.http import HttpResponse

from runs.selectors.runs import run_get
from runs.selectors.usage import lane_cuts, usage_version
from runs.views.window import asked_window, kept_answer
from studio.pages import PageRequest, page


@page
def usage(request: PageRequest, run_id: int) -> HttpResponse:
    """Lanes over the seconds since the start; the answer is kept until there is a sample more."""
    run = run_get(user=request.user, ref=str(run_id))
    window = asked_window(request)
    version = f"{usage_version(run=run)} {run.started_at} {run.target.health_at}"
    return kept_answer(request, version, lambda: lane_cuts(run=run, window=window))
