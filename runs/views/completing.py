"""What the box of the list offers while somebody writes."""

from __future__ import annotations

from dataclasses import asdict

from django.http import JsonResponse

from runs.query import MAX_LENGTH
from runs.selectors.completion import completions
from studio.pages import PageRequest, current_workspace, page


@page
def complete(request: PageRequest) -> JsonResponse:
    """The choices at the cursor, as JSON."""
    text = request.GET.get("q", "")[:MAX_LENGTH].replace("\0", "")
    at = request.GET.get("at", "")
    found = completions(
        user=request.user,
        workspace=current_workspace(request),
        text=text,
        at=int(at) if at.isascii() and at.isdigit() and len(at) < 6 else len(text),
    )
    return JsonResponse({"choices": [asdict(choice) for choice in found]})
