"""Sources: listed by name, saved, given new files, renamed, deleted."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from runs.fileforms import BringForm, FilesForm, SourceForm
from runs.models import Source
from runs.selectors.credentials import credential_names
from runs.selectors.runs import source_runs
from runs.selectors.sources import source_get, source_list, source_states
from runs.services.sources import source_bring, source_create, source_delete, source_rename
from runs.views.rows import run_rows
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import Role
from studio.pages import PageRequest, current_workspace, is_contributor, page
from studio.selectors import require_role

_SHOWN_RUNS = 20
_SHOWN_STATES = 50


@page
def listed(request: PageRequest) -> HttpResponse:
    """All of the workspace, by name."""
    workspace = current_workspace(request)
    context = {
        "section": "sources",
        "sources": source_list(user=request.user, workspace=workspace),
        "may_change": is_contributor(request, workspace),
    }
    return render(request, "runs/source_list.html", context)


@require_http_methods(["GET", "POST"])
@page
def create(request: PageRequest) -> HttpResponse:
    """The form that saves one."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    form = SourceForm(
        request.POST or None,
        request.FILES or None,
        credentials=credential_names(user=request.user, workspace=workspace),
    )
    if request.method == "POST" and form.is_valid():
        name, files = form.cleaned_data["name"], form.files_asked()
        try:
            made = source_create(user=request.user, workspace=workspace, name=name, files=files)
            return redirect("runs:source", made.name)
        except Refused as error:
            _refuse(form, error)
    context = {"section": "sources", "workspace": workspace, "form": form}
    status = 422 if form.errors else 200
    return render(request, "runs/source_form.html", context, status=status)


@page
def detail(request: PageRequest, name: str) -> HttpResponse:
    """Its snapshots with what changed between them, and its runs."""
    return _detail(request, name, BringForm())


@require_POST
@page
def bring(request: PageRequest, name: str) -> HttpResponse:
    """Give it new files."""
    source = _source(request, name)
    require_role(request.user, source.workspace, Role.CONTRIBUTOR)
    form = BringForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            snapshot = source_bring(user=request.user, source=source, files=form.files_asked())
            messages.success(request, f"Its newest snapshot is now {snapshot}.")
            return redirect("runs:source", name)
        except Refused as error:
            if source.location:  # its page has no form to say it in
                raise
            _refuse(form, error)
    return _detail(request, name, form, status=422)


@require_POST
@page
def rename(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Call it otherwise."""
    wanted = request.POST.get("name", "")
    renamed = source_rename(user=request.user, source=_source(request, name), name=wanted)
    return redirect("runs:source", renamed.name)


@require_http_methods(["GET", "POST"])
@page
def delete(request: PageRequest, name: str) -> HttpResponse:
    """Say what stays, and on the second step forget the name."""
    source = _source(request, name)
    if request.method == "POST":
        source_delete(user=request.user, source=source)
        messages.success(request, f"The source {name} is deleted; its runs are still there.")
        return redirect("runs:sources")
    return render(request, "runs/source_delete.html", {"section": "sources", "source": source})


def _source(request: PageRequest, name: str) -> Source:
    return source_get(user=request.user, workspace=current_workspace(request), name=name)


def _detail(request: PageRequest, name: str, form: FilesForm, status: int = 200) -> HttpResponse:
    workspace = current_workspace(request)
    source = source_get(user=request.user, workspace=workspace, name=name)
    states = list(source_states(source=source)[: _SHOWN_STATES + 1])
    context = {
        "section": "sources",
        "workspace": workspace,
        "source": source,
        "states": list(zip(states[:_SHOWN_STATES], [*states[1:], None], strict=False)),
        "rows": run_rows(source_runs(source=source)[:_SHOWN_RUNS]),
        "form": form,
        "may_change": is_contributor(request, workspace),
    }
    return render(request, "runs/source_detail.html", context, status=status)


def _refuse(form: FilesForm, error: Refused) -> None:
    if isinstance(error, Forbidden | NotFound) and not error.field:
        raise error
    form.refuse(error)
