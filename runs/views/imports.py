"""The page that stands between a submission and its run while files are fetched."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from runs.models import SourceImport
from runs.selectors.imports import import_get, import_waiting
from runs.services.imports import import_cancel
from studio.pages import PageRequest, is_contributor, page


def _frame(request: PageRequest, found: SourceImport) -> dict[str, object]:
    return {
        "section": "submit",
        "found": found,
        "is_live": found.ended_at is None,
        "waiting": import_waiting(found=found),
        "may_change": is_contributor(request, found.workspace),
    }


@page
def show(request: PageRequest, import_id: int) -> HttpResponse:
    """How the fetching goes; once there is a run, that."""
    found = import_get(user=request.user, import_id=import_id)
    if found.run_id is not None:
        return redirect("runs:detail", found.run_id)
    return render(request, "runs/import.html", _frame(request, found))


@page
def live(request: PageRequest, import_id: int) -> HttpResponse:
    """The part of the page that changes; once there is a run, the way to it."""
    found = import_get(user=request.user, import_id=import_id)
    response = render(request, "runs/parts/import_head.html", _frame(request, found))
    if found.run_id is not None:
        response["HX-Redirect"] = reverse("runs:detail", args=[found.run_id])
    return response


@require_POST
@page
def cancel(request: PageRequest, import_id: int) -> HttpResponseRedirect:
    """Give it up."""
    found = import_get(user=request.user, import_id=import_id)
    import_cancel(user=request.user, found=found)
    return redirect("runs:import", found.pk)
