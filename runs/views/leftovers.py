"""What was left on a target, and cleaning it up."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from compute.selectors import target_get
from runs.services.leftovers import Cleaned, leftovers_clean, leftovers_find
from studio.lib.refusal import Refused
from studio.pages import PageRequest, current_workspace, is_admin, page


@require_http_methods(["GET", "POST"])
@page
def leftovers(request: PageRequest, name: str) -> HttpResponse:
    """What belongs to nothing any more, each with the reason; an admin removes it."""
    workspace = current_workspace(request)
    target = target_get(user=request.user, workspace=workspace, name=name)
    if request.method == "POST":
        marks = None if "all" in request.POST else request.POST.getlist("name")
        cleaned = leftovers_clean(user=request.user, target=target, marks=marks)
        _tell(request, target.name, cleaned)
        return redirect("runs:leftovers", target.name)
    found, obstacle = [], ""
    try:
        found = leftovers_find(user=request.user, target=target)
    except Refused as refusal:
        obstacle = refusal.sentence
    context = {
        "section": "targets",
        "target": target,
        "found": found,
        "obstacle": obstacle,
        "bytes": sum(one.bytes or 0 for one in found),
        "may_clean": is_admin(request, workspace),
    }
    return render(request, "compute/leftovers.html", context)


def _tell(request: PageRequest, name: str, cleaned: Cleaned) -> None:
    number = len(cleaned.removed)
    if number:
        things = "1 leftover was" if number == 1 else f"{number} leftovers were"
        messages.success(request, f"{things} removed from {name}.")
    for one, why in cleaned.kept:
        messages.error(request, f"The {one.kind} {one.name} stays. {why}")
    if not number and not cleaned.kept:
        messages.info(request, "Nothing was chosen, or it was gone already.")
