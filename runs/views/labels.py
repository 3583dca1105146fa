"""Changing the name, the notes and the tags of a run in place."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from runs.labelform import LabelForm, initial_labels
from runs.selectors.runs import run_get
from runs.services.labels import run_label
from runs.views.run import overview_context
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.pages import PageRequest, page
from studio.toasts import toast


@require_POST
@page
def labels(request: PageRequest, run_id: int) -> HttpResponse:
    """Keep what was written; what cannot be kept stays in the form with the reason."""
    run = run_get(user=request.user, ref=str(run_id))
    before = initial_labels(run)
    form = LabelForm(request.POST)
    if form.is_valid():
        try:
            run_label(user=request.user, run=run, **form.labels(run))
        except (Forbidden, NotFound):
            raise
        except Refused as error:
            form.refuse(error)
        else:
            address = reverse("runs:labels", args=[run.pk])
            toast(request, "Kept.", undo_url=address, fields=before.items())
            return redirect("runs:detail", run.pk)
    context = overview_context(request, run) | {"label_form": form}
    return render(request, "runs/run_overview.html", context, status=422)
