"""The page of the workspace's secrets: contributors see names, admins write values."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from runs.secretform import SecretForm
from runs.services.secrets import secret_delete
from studio.lib.refusal import Forbidden, Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, is_admin, page
from studio.selectors import require_role, secret_list
from studio.services import secret_set


@require_http_methods(["GET", "POST"])
@page
def secrets(request: PageRequest) -> HttpResponse:
    """All of a workspace, and for admins the form that keeps a value."""
    workspace = current_workspace(request)
    form = SecretForm(request.POST or None, initial={"name": request.GET.get("name", "")})
    if request.method == "POST":
        require_role(request.user, workspace, Role.ADMIN)
        if form.is_valid() and _set(request, workspace, form):
            return redirect("runs:secrets")
        form.forget_value()
    context = {
        "section": "secrets",
        "workspace": workspace,
        "secrets": secret_list(user=request.user, workspace=workspace),
        "form": form,
        "may_change": is_admin(request, workspace),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "runs/secrets.html", context, status=status)


def _set(request: PageRequest, workspace: Workspace, form: SecretForm) -> bool:
    """Keep it; after a refusal, which the form then shows, the answer is False."""
    try:
        secret, is_new = secret_set(user=request.user, workspace=workspace, **form.cleaned_data)
    except Refused as error:
        form.add_error(error.field if error.field in form.fields else None, error.sentence)
        return False
    told = "can be used now" if is_new else "has a new value, which runs get that start from now on"
    messages.success(request, f"{secret.name} {told}.")
    return True


@require_POST
@page
def delete(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Delete one, or say what still needs it."""
    workspace = current_workspace(request)
    try:
        secret_delete(user=request.user, workspace=workspace, name=name)
    except Forbidden:
        raise
    except Refused as error:
        if error.field != "needed":
            raise
        messages.error(request, error.sentence)
    else:
        messages.success(request, f"{name} is deleted.")
    return redirect("runs:secrets")
