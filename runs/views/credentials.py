"""The page of what opens private repositories: members see names, admins change them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from runs.gitforms import CredentialForm
from runs.models import GitCredential
from runs.selectors.credentials import credential_list, fingerprint, host_list
from runs.services.credentials import credential_add, credential_remove, host_forget
from studio.lib.refusal import Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, is_admin, page
from studio.selectors import require_role


@require_http_methods(["GET", "POST"])
@page
def credentials(request: PageRequest) -> HttpResponse:
    """All of a workspace, and for admins the form that adds one."""
    workspace = current_workspace(request)
    form = CredentialForm(request.POST or None)
    if request.method == "POST":
        require_role(request.user, workspace, Role.ADMIN)
        added = _add(request, workspace, form) if form.is_valid() else None
        if added is not None:
            what = " Give its public key to the host." if added.public_key else ""
            messages.success(request, f"{added.name} can be used now.{what}")
            return redirect("runs:credentials")
        form.forget_secret()
    hosts = host_list(user=request.user, workspace=workspace)
    context = {
        "section": "credentials",
        "workspace": workspace,
        "credentials": credential_list(user=request.user, workspace=workspace),
        "hosts": [(host, fingerprint(host.key)) for host in hosts],
        "form": form,
        "may_change": is_admin(request, workspace),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "runs/credentials.html", context, status=status)


def _add(request: PageRequest, workspace: Workspace, form: CredentialForm) -> GitCredential | None:
    """The new credential; None after a refusal, which the form then shows."""
    try:
        return credential_add(user=request.user, workspace=workspace, **form.cleaned_data)
    except Refused as error:
        form.add_error(error.field if error.field in form.fields else None, error.sentence)
        return None


@require_POST
@page
def remove(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Forget one."""
    workspace = current_workspace(request)
    credential_remove(user=request.user, workspace=workspace, name=name)
    messages.success(request, f"{name} is removed.")
    return redirect("runs:credentials")


@require_POST
@page
def forget(request: PageRequest, host_id: int) -> HttpResponseRedirect:
    """Forget the key of an SSH host."""
    workspace = current_workspace(request)
    host = host_forget(user=request.user, workspace=workspace, host_id=host_id)
    messages.success(request, f"The next key that {host.name} shows is taken and kept.")
    return redirect("runs:credentials")
