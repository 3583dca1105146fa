"""What people do to a run: cancel it, run it again, hide it, delete it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from runs.selectors.runs import run_get
from runs.services.again import run_again
from runs.services.cancel import run_archive, run_cancel
from runs.services.retention import run_delete, run_deletion
from runs.templatetags.runyard import size
from runs.views.run import run_frame
from studio.pages import PageRequest, page


@require_POST
@page
def cancel(request: PageRequest, run_id: int) -> HttpResponseRedirect:
    """Ask for its end."""
    run = run_get(user=request.user, ref=str(run_id))
    run_cancel(user=request.user, run=run)
    return redirect("runs:detail", run.pk)


@require_POST
@page
def again(request: PageRequest, run_id: int) -> HttpResponseRedirect:
    """Queue the same once more and go there."""
    run = run_get(user=request.user, ref=str(run_id))
    return redirect("runs:detail", run_again(user=request.user, run=run).pk)


@require_POST
@page
def archive(request: PageRequest, run_id: int) -> HttpResponseRedirect:
    """Hide it from lists, or show it again."""
    run = run_get(user=request.user, ref=str(run_id))
    hidden = request.POST.get("archived") == "1"
    run_archive(user=request.user, run=run, archived=hidden)
    messages.success(
        request,
        f"Run {run.pk} is archived: lists leave it out until it is shown again."
        if hidden
        else f"Run {run.pk} is in the lists again.",
    )
    return redirect("runs:detail", run.pk)


@require_http_methods(["GET", "POST"])
@page
def delete(request: PageRequest, run_id: int) -> HttpResponse:
    """Say what would go, and on the second step let it go."""
    run = run_get(user=request.user, ref=str(run_id))
    if request.method == "POST":
        gone = run_delete(user=request.user, run=run)
        messages.success(
            request,
            f"Run {run_id} is deleted: {size(gone.log_bytes)} of logs and "
            f"{gone.artifacts} artifact{'' if gone.artifacts == 1 else 's'}.",
        )
        return redirect("runs:list")
    context = run_frame(request, run, "") | {"deletion": run_deletion(run=run)}
    return render(request, "runs/run_delete.html", context)
