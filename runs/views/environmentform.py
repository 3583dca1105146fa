"""The page that defines an environment, with the files that a Dockerfile copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from compute.selectors import target_list
from environments.forms import EnvironmentForm, environment_initial
from environments.models import EnvironmentVersion
from environments.pythons import pythons_found, pythons_named
from environments.selectors import version_find
from environments.services import Reading, environment_read
from environments.spec import USER_MANAGED, spec_notes
from runs.fileforms import ContextForm
from runs.selectors.sources import source_list
from runs.services.sources import context_freeze
from studio.lib.refusal import Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, page
from studio.selectors import require_role, secret_names

_NOT_YET = "0" * 64
"""Stands for the snapshot of files that are read when the form is saved."""


@require_http_methods(["GET", "POST"])
@page
def create(request: PageRequest) -> HttpResponse:
    """Define one; `from` names an environment or a version that the form begins with."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    if request.method == "GET":
        earlier = request.GET.get("from", "").strip()
        initial = _initial(workspace, earlier) if earlier else {}
        return _form_page(request, workspace, *_forms(request, workspace, initial=initial))
    form, files = _forms(request, workspace, posted=True)
    version = _save(request, workspace, form, files)
    if version is None:
        return _form_page(request, workspace, form, files, status=422)
    is_built = version.spec["kind"] != USER_MANAGED
    said = f"{version} can be used now{': the first run builds it' if is_built else ''}."
    messages.success(request, " ".join([said, *spec_notes(version.spec)]))
    return redirect("environments:detail", version.environment.name)


@require_POST
@page
def check(request: PageRequest) -> HttpResponse:
    """What the form would make as it stands, or what is wrong with it; nothing is written."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    form, files = _forms(request, workspace, posted=True)
    context = _reading(request, workspace, form, files)
    return render(request, "runs/parts/environment_reading.html", context)


def _initial(workspace: Workspace, reference: str) -> dict[str, Any]:
    version = version_find(workspace=workspace, reference=reference)
    return {**environment_initial(version), "snapshot": version.spec.get("context", "")}


def _forms(
    request: PageRequest,
    workspace: Workspace,
    *,
    posted: bool = False,
    initial: Mapping[str, Any] | None = None,
) -> tuple[EnvironmentForm, ContextForm]:
    given: dict[str, Any] = (
        {"data": request.POST, "files": request.FILES} if posted else {"initial": initial}
    )
    pythons = [
        python
        for target in target_list(workspace=workspace, user=request.user)
        for python in pythons_found(target.facts) or ()
    ]
    form = EnvironmentForm(
        secrets=secret_names(workspace=workspace), pythons=pythons_named(pythons), **given
    )
    sources = source_list(user=request.user, workspace=workspace)
    return form, ContextForm(saved=[source.name for source in sources], **given)


def _save(
    request: PageRequest, workspace: Workspace, form: EnvironmentForm, files: ContextForm
) -> EnvironmentVersion | None:
    """The version that the valid forms make; None when something is wrong, which they then show."""
    is_whole, context = form.is_valid(), ""
    if form.asks_for_files():
        if not files.is_valid():
            return None
        if files.has_files:
            try:
                source = files.source_asked()
                context = context_freeze(
                    user=request.user, workspace=workspace, source=source
                ).digest
            except Refused as error:
                files.refuse(error)
                return None
    return form.save(user=request.user, workspace=workspace, context=context) if is_whole else None


def _reading(
    request: PageRequest, workspace: Workspace, form: EnvironmentForm, files: ContextForm
) -> dict[str, Any]:
    form.is_valid()
    if not form.cleaned_data.get("kind") or not form.is_begun():
        return {"reading": None}
    context = ""
    if form.asks_for_files():
        files.is_valid()
        is_snapshot = files.cleaned_data.get("source") == "snapshot"
        context = files.cleaned_data["snapshot"] if is_snapshot else _NOT_YET * files.has_files
    try:
        reading = _read(request, workspace, form, context)
    except Refused as error:
        return {"reading": None, "problem": error.sentence}
    return {"reading": reading}


def _read(
    request: PageRequest, workspace: Workspace, form: EnvironmentForm, context: str
) -> Reading:
    return environment_read(
        user=request.user,
        workspace=workspace,
        name=form.cleaned_data.get("name", "").strip(),
        definition=form.definition(context=context),
        based_on=form.origin(),
    )


def _form_page(
    request: PageRequest,
    workspace: Workspace,
    form: EnvironmentForm,
    files: ContextForm,
    status: int = 200,
) -> HttpResponse:
    context = {
        "section": "environments",
        "workspace": workspace,
        "form": form,
        "files": files,
        "reading": None,  # the page asks for it
    }
    return render(request, "runs/environment_form.html", context, status=status)
