"""Changing the order in which runs wait."""

from __future__ import annotations

from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from runs.selectors.runs import run_get
from runs.services.turns import run_priority, run_to_front
from studio.lib.refusal import Refused
from studio.pages import PageRequest, page
from studio.toasts import toast


@require_POST
@page
def turn(request: PageRequest, run_id: int) -> HttpResponseRedirect:
    """Move a waiting run to the front, or give it the priority that is sent."""
    run = run_get(user=request.user, ref=str(run_id))
    if "priority" in request.POST:
        run_priority(user=request.user, run=run, priority=_priority(request.POST["priority"]))
        toast(request, f"Run {run.pk} has its old place in the queue of {run.target.name}.")
    else:
        before = run_to_front(user=request.user, run=run)
        toast(
            request,
            f"Run {run.pk} is the next on {run.target.name}.",
            undo_url=reverse("runs:turn", args=[run.pk]),
            fields=[("priority", before)],
        )
    return redirect("runs:target", run.target.name)


def _priority(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 1 << 31
    if not -(1 << 31) <= number < 1 << 31:
        raise Refused(f"'{text[:40]}' is no priority: give a whole number.", field="priority")
    return number
