"""Looking for a folder of the studio's machine."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from runs.selectors.folders import FolderView, folder_view
from studio.lib.refusal import Refused
from studio.models import Role
from studio.pages import PageRequest, current_workspace, page
from studio.selectors import require_role

_SHOWN_FILES = 12


@page
def folders(request: PageRequest) -> HttpResponse:
    """What lies in a folder below the link roots; from the top when it cannot be shown."""
    require_role(request.user, current_workspace(request), Role.CONTRIBUTOR)
    view, problem = _view(request.GET.get("path", "").strip())
    context: dict[str, object] = {"view": view, "problem": problem}
    if view is not None:
        context["files"] = view.files[:_SHOWN_FILES]
        context["more_files"] = len(view.files) - len(view.files[:_SHOWN_FILES])
    return render(request, "runs/parts/folders.html", context)


def _view(path: str) -> tuple[FolderView | None, str]:
    try:
        return folder_view(path=path), ""
    except Refused as error:
        if not path:
            return None, error.sentence
        return _view("")[0], error.sentence
