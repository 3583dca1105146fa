"""A run beside another one: what was asked of them, what came of it, their packages, their files;
and the uncommitted changes that ran.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from runs.models import Run
from runs.selectors.comparing import run_candidates, run_other, run_suggestions
from runs.selectors.files import run_diff
from runs.selectors.runs import run_get
from runs.views.changes import snapshots_diff
from runs.views.diffviews import patch_diff
from runs.views.outcomes import outcomes
from runs.views.parameters import lock_differences, parameter_differences
from runs.views.run import run_frame
from studio.lib.refusal import Refused
from studio.pages import PageRequest, page


@page
def compare(request: PageRequest, run_id: int) -> HttpResponse:
    """What differs between this run and the one that `with` names."""
    run = run_get(user=request.user, ref=str(run_id))
    context = run_frame(request, run, "files") | picker(request, run)
    other = context["other"]
    if other is not None:
        context |= snapshots_diff(request, other.snapshot, run.snapshot) | {
            "outcomes": outcomes(other, run),
            "differences": parameter_differences(other, run),
            "packages": lock_differences(other, run),
            "diff_url": f"{reverse('runs:compare', args=[run.pk])}?with={other.pk}&",
        }
    return render(request, "runs/run_compare.html", context)


def picker(request: PageRequest, run: Run) -> dict[str, Any]:
    """The run that the address names by `with`, and those that one would name."""
    ref = request.GET.get("with", "").strip()
    context: dict[str, Any] = {
        "ref": ref,
        "other": None,
        "suggestions": run_suggestions(user=request.user, run=run),
        "candidates": run_candidates(user=request.user, run=run),
    }
    if ref:
        try:
            context["other"] = run_other(user=request.user, run=run, ref=ref)
        except Refused as error:
            context["problem"] = error.sentence
    return context


@page
def diff(request: PageRequest, run_id: int) -> HttpResponse:
    """The uncommitted changes that were part of what ran."""
    run = run_get(user=request.user, ref=str(run_id))
    text = run_diff(run=run).decode("utf-8", errors="replace")
    only, is_split = request.GET.get("path", ""), request.GET.get("view") == "split"
    found = patch_diff(text, only=only, is_split=is_split)
    context = run_frame(request, run, "files") | {
        "diff": found,
        "is_unread": bool(text.strip()) and not found.files and not only,
        "diff_url": f"{reverse('runs:diff', args=[run.pk])}?",
        "patch_url": reverse("runs:diff_raw", args=[run.pk]),
        "is_split": is_split,
        "only": only,
    }
    return render(request, "runs/run_diff.html", context)


@page
def raw_diff(request: PageRequest, run_id: int) -> HttpResponseBase:
    """The same as a patch file."""
    run = run_get(user=request.user, ref=str(run_id))
    answer = HttpResponse(run_diff(run=run), content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="run-{run.pk}.patch"'
    return answer
