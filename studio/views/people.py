"""The people of a workspace, for its admins."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from studio.addresses import login_url
from studio.forms import MemberForm
from studio.lib.refusal import Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, page
from studio.selectors import member_list, require_role
from studio.services import member_add, member_change, member_link, member_remove
from studio.services.people import member_get


@never_cache
@require_http_methods(["GET", "POST"])
@page
def people(request: PageRequest) -> HttpResponse:
    """Who belongs here; a colleague is added by name, and their link is shown this once."""
    workspace = _administered(request)
    if request.method == "GET":
        return _people(request, workspace)
    form = MemberForm(request.POST)
    if form.is_valid():
        try:
            made = member_add(by=request.user, workspace=workspace, **form.cleaned_data)
        except Refused as error:
            form.refuse(error)
        else:
            name = made.member.user.username
            if made.link:
                return _people(request, workspace, name=name, secret=made.link)
            messages.success(request, f"{name} has an account already and signs in as before.")
            return redirect("studio:people")
    return _people(request, workspace, form=form)


@require_POST
@page
def role(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Give a member another role."""
    workspace = _administered(request)
    wanted = request.POST.get("role", "")
    member = member_change(by=request.user, workspace=workspace, name=name, role=wanted)
    messages.success(request, f"{name} is {_as(member.role)} now.")
    return redirect("studio:people")


@never_cache
@require_POST
@page
def link(request: PageRequest, name: str) -> HttpResponse:
    """Make a new sign-in link for a colleague and show it this once."""
    workspace = _administered(request)
    secret = member_link(by=request.user, workspace=workspace, name=name)
    return _people(request, workspace, name=name, secret=secret)


@require_http_methods(["GET", "POST"])
@page
def remove(request: PageRequest, name: str) -> HttpResponse:
    """Ask once more, then take a member out."""
    workspace = _administered(request)
    if request.method == "POST":
        member_remove(by=request.user, workspace=workspace, name=name)
        messages.success(request, f"{name} is no member of {workspace.name} any more.")
        return redirect("studio:people")
    context = {
        "section": "people",
        "workspace": workspace,
        "member": member_get(workspace, name),
    }
    return render(request, "studio/person_remove.html", context)


def _people(
    request: PageRequest,
    workspace: Workspace,
    *,
    form: MemberForm | None = None,
    name: str = "",
    secret: str = "",
) -> HttpResponse:
    context = {
        "section": "people",
        "workspace": workspace,
        "members": member_list(user=request.user, workspace=workspace),
        "roles": Role.choices,
        "form": form or MemberForm(),
        "link_name": name,
        "link": login_url(request, secret) if secret else "",
    }
    status = 422 if form and form.errors else 200
    return render(request, "studio/people.html", context, status=status)


def _administered(request: PageRequest) -> Workspace:
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.ADMIN)
    return workspace


def _as(role: str) -> str:
    return f"an {role}" if role == Role.ADMIN else f"a {role}"
