"""The page that says where a workspace's packages come from: admins change and check it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from environments.indexforms import IndexCredentialsForm, IndexForm, initial_index
from environments.models import PackageIndex
from environments.selectors import index_get
from environments.services import index_credentials, index_remove, index_set, index_try
from studio.lib.refusal import Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, is_admin, is_contributor, page
from studio.selectors import require_role


@require_http_methods(["GET", "POST"])
@page
def index(request: PageRequest) -> HttpResponse:
    """What is set, and for admins the forms that change it."""
    workspace = current_workspace(request)
    if not is_contributor(request, workspace):
        require_role(request.user, workspace, Role.CONTRIBUTOR)  # says why not
    found = index_get(workspace=workspace)
    form = IndexForm(request.POST or None, initial=initial_index(found))
    if request.method == "POST":
        require_role(request.user, workspace, Role.ADMIN)
        if form.is_valid() and _set(request, workspace, form):
            messages.success(request, "Packages come from there now. Check that it answers.")
            return redirect("environments:index")
    return _shown(request, workspace, found, form=form)


def _set(request: PageRequest, workspace: Workspace, form: IndexForm) -> bool:
    try:
        index_set(user=request.user, workspace=workspace, **form.cleaned_data)
    except Refused as error:
        _refuse(form, error)
        return False
    return True


@require_POST
@page
def credentials(request: PageRequest) -> HttpResponse:
    """Keep or forget what one of them asks for."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.ADMIN)
    found = index_get(workspace=workspace)
    form = IndexCredentialsForm(request.POST, urls=found.urls if found else ())
    if form.is_valid():
        try:
            index_credentials(user=request.user, workspace=workspace, **form.cleaned_data)
        except Refused as error:
            _refuse(form, error)
        else:
            given = form.cleaned_data["username"] or form.cleaned_data["password"]
            messages.success(request, "The credentials are kept." if given else "Forgotten.")
            return redirect("environments:index")
    form.forget_password()
    return _shown(request, workspace, found, credentials_form=form)


@require_POST
@page
def check(request: PageRequest) -> HttpResponse:
    """Ask each index now, and show what came of it."""
    workspace = current_workspace(request)
    tried = index_try(user=request.user, workspace=workspace)
    return _shown(request, workspace, index_get(workspace=workspace), tried=tried)


@require_POST
@page
def remove(request: PageRequest) -> HttpResponseRedirect:
    """Go back to where the studio gets packages."""
    workspace = current_workspace(request)
    index_remove(user=request.user, workspace=workspace)
    messages.success(request, "Packages come from where the studio gets them.")
    return redirect("environments:index")


def _rows(found: PackageIndex, results: Mapping[str, tuple[bool, str]]) -> list[dict[str, Any]]:
    """Each index with what is known of it, and what came of a check."""
    return [
        {
            "url": url,
            "username": found.usernames.get(url, ""),
            "has_password": url in found.passwords,
            "tried": results.get(url),
        }
        for url in found.urls
    ]


def _refuse(form: forms.Form, error: Refused) -> None:
    form.add_error(error.field if error.field in form.fields else None, error.sentence)


def _shown(
    request: PageRequest,
    workspace: Workspace,
    found: PackageIndex | None,
    *,
    form: IndexForm | None = None,
    credentials_form: IndexCredentialsForm | None = None,
    tried: list[tuple[str, bool, str]] | None = None,
) -> HttpResponse:
    results = {url: (is_good, sentence) for url, is_good, sentence in tried or ()}
    context: dict[str, Any] = {
        "section": "environments",
        "workspace": workspace,
        "index": found,
        "rows": _rows(found, results) if found else [],
        "form": form or IndexForm(initial=initial_index(found)),
        "credentials_form": credentials_form
        or (IndexCredentialsForm(urls=found.urls) if found else None),
        "may_change": is_admin(request, workspace),
    }
    is_refused = request.method == "POST" and tried is None
    return render(
        request, "environments/package_index.html", context, status=422 if is_refused else 200
    )
