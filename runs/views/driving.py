"""How to drive the studio from a shell and from programs."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from studio.pages import PageRequest, current_workspace, page


@page
def driving(request: PageRequest) -> HttpResponse:
    """The words, the command line, REST, and the client inside a script."""
    context = {
        "section": "help",
        "workspace": current_workspace(request),
        "studio_url": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "docs/driving.html", context)
