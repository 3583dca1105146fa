"""The page of logins for registries of images: members see whose they are, admins write them."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from compute.registries import registry_login_remove, registry_login_set
from compute.registryforms import RegistryForm
from compute.selectors import registry_login_list
from studio.lib.refusal import Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, is_admin, page
from studio.selectors import require_role
from studio.toasts import toast

_PREFILLED = ("host", "username")


@require_http_methods(["GET", "POST"])
@page
def registries(request: PageRequest) -> HttpResponse:
    """All of a workspace, and for admins the form that keeps one."""
    workspace = current_workspace(request)
    initial = {name: request.GET.get(name, "") for name in _PREFILLED}
    form = RegistryForm(request.POST or None, initial=initial)
    if request.method == "POST":
        require_role(request.user, workspace, Role.ADMIN)
        if form.is_valid() and _set(request, workspace, form):
            return redirect("compute:registries")
    context = {
        "section": "registries",
        "workspace": workspace,
        "logins": registry_login_list(user=request.user, workspace=workspace).select_related(
            "created_by"
        ),
        "form": form,
        "may_change": is_admin(request, workspace),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "compute/registries.html", context, status=status)


def _set(request: PageRequest, workspace: Workspace, form: RegistryForm) -> bool:
    """Keep it; after a refusal, which the form then shows, the answer is False."""
    try:
        login = registry_login_set(user=request.user, workspace=workspace, **form.cleaned_data)
    except Refused as error:
        form.refuse(error)
        return False
    toast(request, f"Images of {login.host} are fetched as {login.username} from now on.")
    return True


@require_POST
@page
def remove(request: PageRequest, host: str) -> HttpResponseRedirect:
    """Forget one; images that were brought with it stay."""
    workspace = current_workspace(request)
    registry_login_remove(user=request.user, workspace=workspace, host=host)
    toast(request, f"The login for {host} is removed; images that it brought stay.")
    return redirect("compute:registries")
