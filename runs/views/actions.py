"""What people do to one run: cancel it, run it again, hide it, delete it."""

from __future__ import annotations

from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from runs.selectors.runs import TRASH_DAYS, run_get
from runs.services.again import run_again
from runs.services.cancel import Wish, run_archive, run_cancel
from runs.services.retention import run_delete
from runs.views.bulk import undo_fields
from studio.pages import PageRequest, page
from studio.toasts import toast


@require_POST
@page
def cancel(request: PageRequest, run_id: int) -> HttpResponseRedirect:
    """Ask for its end; a run that only waited can be put back."""
    run = run_get(user=request.user, ref=str(run_id))
    if run_cancel(user=request.user, run=run) is Wish.ENDED:
        _say(request, f"Run {run.pk} is canceled; it only waited.", "requeue", run.pk)
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
    _say(
        request,
        f"Run {run.pk} is archived: lists leave it out until it is shown again."
        if hidden
        else f"Run {run.pk} is in the lists again.",
        "unarchive" if hidden else "archive",
        run.pk,
    )
    return redirect("runs:detail", run.pk)


@require_POST
@page
def delete(request: PageRequest, run_id: int) -> HttpResponseRedirect:
    """Put it into the trash, and go to the list."""
    run = run_get(user=request.user, ref=str(run_id))
    run_delete(user=request.user, run=run)
    sentence = f"Run {run.pk} is in the trash, where it stays {TRASH_DAYS} days."
    _say(request, sentence, "restore", run.pk)
    return redirect("runs:list")


def _say(request: PageRequest, sentence: str, undo: str, run_id: int) -> None:
    back = ("next", reverse("runs:detail", args=[run_id]))
    fields = [*undo_fields(undo, [run_id]), back]
    toast(request, sentence, undo_url=reverse("runs:bulk"), fields=fields)
