"""The trash: what was deleted, for how long it can be restored, and the last step."""

from __future__ import annotations

import math
from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from runs.models import Run
from runs.selectors.runs import TRASH_DAYS, trash_get, trash_page
from runs.services.retention import run_deletion, run_purge
from runs.templatetags.runyard import size
from studio.models import Role
from studio.pages import PageRequest, current_workspace, is_contributor, page
from studio.selectors import require_role


@page
def trash(request: PageRequest) -> HttpResponse:
    """What lies in the trash of the workspace."""
    workspace = current_workspace(request)
    wanted = request.GET.get("page", "")
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else 1
    found = trash_page(user=request.user, workspace=workspace, page=number)
    context = {
        "section": "runs",
        "found": found,
        "rows": [(run, _days_left(run)) for run in found.items],
        "days": TRASH_DAYS,
        "may_change": is_contributor(request, workspace),
    }
    return render(request, "runs/trash.html", context)


@require_http_methods(["GET", "POST"])
@page
def purge(request: PageRequest, run_id: int) -> HttpResponse:
    """Say what would go for good, and let it go once its name was typed."""
    run = trash_get(user=request.user, run_id=run_id)
    require_role(request.user, run.workspace, Role.CONTRIBUTOR)
    problem = ""
    if request.method == "POST":
        if request.POST.get("name", "").strip() == run.name:
            gone = run_purge(user=request.user, run=run)
            messages.success(
                request,
                f"Run {run_id} is gone: {size(gone.log_bytes)} of logs and "
                f"{gone.artifacts} artifact{'' if gone.artifacts == 1 else 's'}.",
            )
            return redirect("runs:trash")
        problem = "This is not its name: type it as it stands above."
    context = {
        "section": "runs",
        "run": run,
        "deletion": run_deletion(run=run),
        "problem": problem,
    }
    return render(request, "runs/run_purge.html", context, status=422 if problem else 200)


def _days_left(run: Run) -> int:
    """Days in which it can still be restored, the begun one among them."""
    if run.deleted_at is None:
        return TRASH_DAYS
    left = run.deleted_at + timedelta(days=TRASH_DAYS) - timezone.now()
    return max(1, math.ceil(left / timedelta(days=1)))
