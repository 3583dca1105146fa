"""Keeping views of the list of runs."""

from __future__ import annotations

from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from runs.addresses import list_url
from runs.models import SavedView
from runs.selectors.views import view_get
from runs.services.views import view_change, view_delete, view_save
from runs.views.columns import columns_read, columns_text
from studio.pages import PageRequest, current_workspace, page
from studio.toasts import toast


@require_POST
@page
def save(request: PageRequest) -> HttpResponseRedirect:
    """Keep what the list shows under a name."""
    view = view_save(
        user=request.user,
        workspace=current_workspace(request),
        name=request.POST.get("name", ""),
        query=request.POST.get("q", "").strip(),
        columns=_columns(request),
        is_shared=request.POST.get("shared") == "1",
    )
    toast(request, f"The view '{view.name}' is kept.")
    return _open(view)


@require_POST
@page
def change(request: PageRequest, view_id: int) -> HttpResponseRedirect:
    """Let it mean what the list shows now."""
    view = view_get(user=request.user, view_id=view_id)
    query = request.POST.get("q", "").strip()
    view_change(user=request.user, view=view, query=query, columns=_columns(request))
    toast(request, f"The view '{view.name}' is changed.")
    view.refresh_from_db()
    return _open(view)


@require_POST
@page
def delete(request: PageRequest, view_id: int) -> HttpResponseRedirect:
    """Forget it; the way back makes a new one that is the same."""
    view = view_get(user=request.user, view_id=view_id)
    view_delete(user=request.user, view=view)
    fields: list[tuple[str, str | int]] = [
        ("name", view.name),
        ("q", view.query),
        ("columns", view.columns),
        ("shared", int(view.is_shared)),
    ]
    is_mine = view.user_id == request.user.pk
    toast(
        request,
        f"The view '{view.name}' is deleted.",
        undo_url=reverse("runs:view_save") if is_mine else "",
        fields=fields if is_mine else (),
    )
    return HttpResponseRedirect(list_url(view.query, columns=view.columns))


def _columns(request: PageRequest) -> str:
    return columns_text(columns_read(request.POST.getlist("columns")))


def _open(view: SavedView) -> HttpResponseRedirect:
    return HttpResponseRedirect(list_url(view.query, columns=view.columns, view=view.pk))
