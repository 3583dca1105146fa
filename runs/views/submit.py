"""The page on which a run is submitted."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from compute.selectors import data_list, target_list
from environments.models import Environment
from environments.selectors import environment_list
from runs.forms import SubmitForm, initial_from_import, initial_from_run
from runs.models import Run, SourceImport
from runs.selectors.credentials import credential_names
from runs.selectors.imports import import_get
from runs.selectors.runs import experiment_list, run_get
from runs.selectors.sources import source_list
from runs.services.imports import import_request, submission_take
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, page
from studio.selectors import require_role


@require_http_methods(["GET", "POST"])
@page
def submit(request: PageRequest) -> HttpResponse:
    """The form, empty or filled from an earlier run; its submission leads to the new run."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    if request.method == "GET":
        return _form_page(request, workspace, _form(request, workspace, initial=_initial(request)))
    form = _form(request, workspace, data=request.POST, files=request.FILES)
    if form.is_valid():
        try:
            taken = submission_take(
                user=request.user, workspace=workspace, request=form.submission()
            )
            return redirect(
                "runs:import" if isinstance(taken, SourceImport) else "runs:detail", taken.pk
            )
        except (Forbidden, NotFound) as error:
            if not error.field:
                raise
            form.refuse(error)
        except Refused as error:
            form.refuse(error)
    form.forget_secrets()
    return _form_page(request, workspace, form, status=422)


def _form(request: PageRequest, workspace: Workspace, **given: Any) -> SubmitForm:
    environments = environment_list(workspace=workspace).exclude(origin=Environment.Origin.FOLDER)
    data = data_list(workspace=workspace, user=request.user)
    return SubmitForm(
        data_names=list(data.values_list("name", flat=True)),
        targets=list(target_list(user=request.user, workspace=workspace)),
        environments=list(environments.values_list("name", flat=True)),
        credentials=credential_names(user=request.user, workspace=workspace),
        saved=[row.name for row in source_list(user=request.user, workspace=workspace)],
        earlier=request.GET.get("from", ""),
        **given,
    )


def _initial(request: PageRequest) -> dict[str, Any]:
    earlier = _earlier(request)
    initial = initial_from_run(earlier) if earlier else {}
    if request.GET.get("import", "").isdecimal():
        found = import_get(user=request.user, import_id=int(request.GET["import"]))
        initial = initial_from_import(import_request(found=found))
    for name in ("environment", "target", "experiment", "saved"):
        if request.GET.get(name):
            initial[name] = request.GET[name]
    return initial


def _earlier(request: PageRequest) -> Run | None:
    """The run that the form is filled in from."""
    ref = request.GET.get("from", "")
    return run_get(user=request.user, ref=ref) if ref else None


def _form_page(
    request: PageRequest, workspace: Workspace, form: SubmitForm, status: int = 200
) -> HttpResponse:
    context = {
        "section": "submit",
        "workspace": workspace,
        "form": form,
        "earlier": _earlier(request),
        "experiments": experiment_list(user=request.user, workspace=workspace),
    }
    return render(request, "runs/submit.html", context, status=status)
