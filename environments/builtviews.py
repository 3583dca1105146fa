"""Keeping and removing what is built on a target, from its page."""

from __future__ import annotations

from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from compute.selectors import target_get
from environments.models import BuiltEnvironment
from environments.services import built_get, built_pin, built_remove
from studio.models import Role
from studio.pages import PageRequest, current_workspace, page
from studio.selectors import require_role
from studio.toasts import toast


@require_POST
@page
def pin(request: PageRequest, name: str, key: str) -> HttpResponseRedirect:
    """Keep it however little room there is, or no longer."""
    built = _built(request, name, key)
    is_pinned = request.POST.get("pinned", "1") == "1"
    built_pin(user=request.user, built=built, is_pinned=is_pinned)
    said = "stays, however little room there is" if is_pinned else "may be removed for room"
    undo = [("pinned", "0" if is_pinned else "1")]
    toast(request, f"{key[:12]} {said}.", undo_url=request.path, fields=undo)
    return redirect("runs:target", name)


@require_POST
@page
def remove(request: PageRequest, name: str, key: str) -> HttpResponseRedirect:
    """Remove it; the next run that needs it builds it again."""
    built = _built(request, name, key)
    built_remove(user=request.user, built=built)
    toast(request, f"{key[:12]} is removed: the next run that needs it builds it again.")
    return redirect("runs:target", name)


def _built(request: PageRequest, name: str, key: str) -> BuiltEnvironment:
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    target = target_get(user=request.user, workspace=workspace, name=name)
    return built_get(target=target, key=key)
