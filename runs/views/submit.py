"""The page on which a run is submitted."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from runs.forms import SubmitForm
from runs.models import SourceImport
from runs.prefill import initial_from_import, initial_from_run, initial_remembered
from runs.selectors.imports import import_get
from runs.selectors.runs import experiment_list, run_last
from runs.services.imports import import_request, submission_take
from runs.views.choices import environment_choices, target_meant
from runs.views.submitform import Offer, earlier_run, submit_form, submit_offer
from studio.lib.numbers import whole_number
from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, is_contributor, page
from studio.selectors import require_role

_LAST_KIND = "brought_by"
_PLAN_VIEWS = (
    ("command", "the command"),
    ("cli", "the line for a shell"),
    ("python", "the lines of Python"),
)


@require_http_methods(["GET", "POST"])
@page
def submit(request: PageRequest) -> HttpResponse:
    """The form, filled in from what was submitted before; its submission leads to the new run."""
    workspace = current_workspace(request)
    if not is_contributor(request, workspace):
        require_role(request.user, workspace, Role.CONTRIBUTOR)  # says why not
    offer = submit_offer(request, workspace)
    if request.method == "GET":
        form = submit_form(request, workspace, offer, initial=_initial(request, workspace))
        return _form_page(request, workspace, offer, form)
    form = submit_form(request, workspace, offer, data=request.POST, files=request.FILES)
    if form.is_valid():
        try:
            taken = submission_take(
                user=request.user,
                workspace=workspace,
                request=form.submission(),
                like=earlier_run(request),
            )
            request.session[_LAST_KIND] = form.brought
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
    return _form_page(request, workspace, offer, form, status=422)


def _initial(request: PageRequest, workspace: Workspace) -> dict[str, Any]:
    earlier = earlier_run(request)
    asked = {
        name: request.GET[name]
        for name in ("environment", "target", "experiment", "saved")
        if request.GET.get(name)
    }
    if earlier:
        return initial_from_run(earlier) | asked
    if number := whole_number(request.GET.get("import", "")):
        found = import_get(user=request.user, import_id=number)
        return initial_from_import(import_request(found=found)) | asked
    return _remembered(request, workspace) | asked


def _remembered(request: PageRequest, workspace: Workspace) -> dict[str, Any]:
    """What this person chose last: here, or in the source or experiment that the page is about."""
    named = {name: request.GET.get(name, "") for name in ("saved", "experiment")}
    last = run_last(user=request.user, workspace=workspace, **named)
    if last is None:
        return {}
    found = initial_remembered(last, whole=any(named.values()))
    found["source"] = "saved" if named["saved"] else found["source"] or _brought(request)
    return found


def _brought(request: PageRequest) -> str:
    """How this browser brought files last."""
    return str(request.session.get(_LAST_KIND, ""))


def _form_page(
    request: PageRequest, workspace: Workspace, offer: Offer, form: SubmitForm, status: int = 200
) -> HttpResponse:
    chosen = {name: str(form[name].value() or "") for name in ("target", "environment", "saved")}
    environments = environment_choices(
        workspace=workspace,
        cards=offer.cards,
        chosen=chosen["environment"],
        target=target_meant(offer.outlooks, chosen["target"]),
    )
    known = {
        "saved": {source.name for source in offer.sources},
        "target": {outlook.target.name for outlook in offer.outlooks},
        "environment": {choice.card.name for choice in environments},
    }
    context = {
        "section": "submit",
        "workspace": workspace,
        "form": form,
        "earlier": earlier_run(request),
        "experiments": experiment_list(user=request.user, workspace=workspace),
        "sources": offer.sources,
        "chosen": chosen,
        "outlooks": offer.outlooks,
        "environments": environments,
        "unknown": {name: chosen[name] for name in known if chosen[name] not in known[name]},
        "plan_views": _PLAN_VIEWS,
        "more_is_open": _more_is_open(form),
    }
    return render(request, "runs/submit.html", context, status=status)


_MORE = ("gpus", "data_names", "priority", "time_limit", "variables", "secrets", "outputs",
         "tags",
         "description")  # fmt: skip


def _more_is_open(form: SubmitForm) -> bool:
    """Whether something in the folded part needs to be seen."""
    fresh = {"gpus": "0", "priority": "0", "outputs": form.fields["outputs"].initial}
    return any(
        form[name].errors or str(form[name].value() or "").strip() not in {"", fresh.get(name, "")}
        for name in _MORE
    )
