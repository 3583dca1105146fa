"""Finding anything: a page of its own, and what the palette asks."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from runs.selectors.find import find
from studio.pages import PageRequest, current_workspace, page

_MAX_WORDS = 200


@require_GET
@page
def found(request: PageRequest) -> HttpResponse:
    """What the words may mean; as JSON when that is asked for."""
    words = request.GET.get("q", "")[:_MAX_WORDS].replace("\0", "")
    things = find(user=request.user, workspace=current_workspace(request), text=words)
    response: HttpResponse
    if request.headers.get("Accept", "").startswith("application/json"):
        response = JsonResponse({"found": [asdict(thing) for thing in things]})
    else:
        response = render(request, "runs/find.html", {"words": words, "found": things})
    patch_vary_headers(response, ["Accept"])
    return response
