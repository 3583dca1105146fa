"""Registering, editing, testing and deleting compute targets; naming data that they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from compute.backends import KINDS
from compute.forms import DataForm, TargetForm
from compute.models import ComputeTarget, NamedData
from compute.named_data import data_delete, data_save
from compute.pauses import target_pause, target_resume
from compute.selectors import data_get, data_list, data_writable, target_get, target_list
from compute.services import target_delete, target_test, target_update
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, is_admin, page
from studio.selectors import require_role
from studio.toasts import toast


@require_http_methods(["GET", "POST"])
@page
def create(request: PageRequest) -> HttpResponse:
    """Register a target of a kind; it is tested at once, and stays whatever the test says."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.ADMIN)
    kind = request.GET.get("kind") or next(iter(KINDS))
    form = TargetForm(request.POST or None, kind=kind)
    if request.method == "POST" and form.is_valid():
        if "try" in request.POST:
            return _tried(request, form, workspace)
        target = form.save(user=request.user, workspace=workspace)
        if target is not None:
            _test(request, target)
            return redirect("runs:target", target.name)
    return _form_page(request, form)


@require_http_methods(["GET", "POST"])
@page
def edit(request: PageRequest, name: str) -> HttpResponse:
    """Change a target."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.ADMIN)
    target = target_get(user=request.user, workspace=workspace, name=name)
    form = TargetForm(request.POST or None, kind=target.kind, target=target)
    if request.method == "POST" and form.is_valid():
        if "try" in request.POST:
            return _tried(request, form, workspace)
        saved = form.save(user=request.user, workspace=workspace)
        if saved is not None:
            _test(request, saved)
            return redirect("runs:target", saved.name)
    return _form_page(request, form)


@require_POST
@page
def test(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Get in touch with a target and say what came of it."""
    target = _own(request, name, Role.CONTRIBUTOR)
    _test(request, target)
    return redirect("runs:target", target.name)


@require_POST
@page
def enable(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Let runs start there again, or hold them back."""
    target = _own(request, name, Role.ADMIN)
    enabled = request.POST.get("enabled") == "1"
    target_update(user=request.user, target=target, enabled=enabled)
    messages.success(
        request,
        f"{target.name} takes runs again."
        if enabled
        else f"{target.name} is disabled: what runs there goes on, nothing new starts.",
    )
    return redirect("runs:target", target.name)


@require_POST
@page
def pause(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Let no waiting run start, until it is empty or for a while; or let them start again."""
    target = _own(request, name, Role.ADMIN)
    wish, address = request.POST.get("wish", "pause"), reverse("compute:pause", args=[name])
    if wish == "resume":
        before = "drain" if target.draining else "pause"
        target_resume(user=request.user, target=target)
        toast(request, f"{name} starts runs again.", undo_url=address, fields=[("wish", before)])
    else:
        target_pause(user=request.user, target=target, drain=wish == "drain")
        sentence = (
            f"{name} is being drained: what runs there goes on, nothing new starts."
            if wish == "drain"
            else f"{name} is paused: what runs there goes on, what waits stays in line."
        )
        toast(request, sentence, undo_url=address, fields=[("wish", "resume")])
    return redirect("runs:target", name)


@require_http_methods(["GET", "POST"])
@page
def delete(request: PageRequest, name: str) -> HttpResponse:
    """Ask once more, then forget it."""
    target = _own(request, name, Role.ADMIN)
    if request.method == "POST":
        target_delete(user=request.user, target=target)
        messages.success(request, f"{target.name} is no target any more; its folder stays.")
        return redirect("runs:targets")
    return render(request, "compute/target_delete.html", {"section": "targets", "target": target})


def _tried(request: PageRequest, form: TargetForm, workspace: Workspace) -> HttpResponse:
    """The form as it was filled in, with what its place answers; nothing is saved."""
    facts = form.try_out(user=request.user, workspace=workspace)
    if facts:
        messages.success(request, f"The place answers: {_in_short(facts)} Nothing is saved yet.")
    return _form_page(request, form)


def _form_page(request: PageRequest, form: TargetForm) -> HttpResponse:
    form.order_fields(["name", *(field.name for field in form.backend.fields)])
    context = {
        "section": "targets",
        "form": form,
        "backend": form.backend,
        "kinds": () if form.target else KINDS.values(),
        "target": form.target,
    }
    return render(request, "compute/target_form.html", context, status=422 if form.errors else 200)


def _own(request: PageRequest, name: str, role: Role) -> ComputeTarget:
    workspace = current_workspace(request)
    require_role(request.user, workspace, role)
    return target_get(user=request.user, workspace=workspace, name=name)


def _test(request: PageRequest, target: ComputeTarget) -> None:
    facts = target_test(target=target)
    if target.health == ComputeTarget.Health.READY:
        messages.success(request, f"{target.name} answers: {_in_short(facts)}")
    elif target.is_fetching:
        messages.success(request, f"{target.name}: {target.health_reason} It is tested after that.")
    else:
        messages.error(request, f"{target.name}: {target.health_reason}")


def _in_short(facts: Mapping[str, Any]) -> str:
    engine = f"Docker {facts['engine']['version']}, " if "engine" in facts else ""
    cores = "1 core" if facts["cores"] == 1 else f"{facts['cores']} cores"
    return f"{facts['hostname']}, {engine}{cores}, Python {facts['python_version']}."


@page
def data(request: PageRequest) -> HttpResponse:
    """The named data of the workspace, and which target has it where."""
    workspace = current_workspace(request)
    context = {
        "section": "data",
        "workspace": workspace,
        "named": data_list(user=request.user, workspace=workspace),
        "may_change": is_admin(request, workspace),
    }
    return render(request, "compute/data_list.html", context)


@require_http_methods(["GET", "POST"])
@page
def data_create(request: PageRequest) -> HttpResponse:
    """Name data, and say which targets have it where."""
    return _data_form(request, None)


@require_http_methods(["GET", "POST"])
@page
def data_edit(request: PageRequest, name: str) -> HttpResponse:
    """Change what is said of data; a path that is emptied takes it away from its target."""
    workspace = current_workspace(request)
    return _data_form(request, data_get(user=request.user, workspace=workspace, name=name))


@require_http_methods(["GET", "POST"])
@page
def data_forget(request: PageRequest, name: str) -> HttpResponse:
    """Ask once more, then forget a name."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.ADMIN)
    named = data_get(user=request.user, workspace=workspace, name=name)
    if request.method == "POST":
        data_delete(user=request.user, data=named)
        messages.success(request, f"{name} is no name of data any more; its files stay.")
        return redirect("compute:data")
    return render(request, "compute/data_delete.html", {"section": "data", "named": named})


@require_POST
@page
def data_remove(request: PageRequest, name: str, data_name: str) -> HttpResponseRedirect:
    """Say that a target does not have data any more."""
    target = _own(request, name, Role.ADMIN)
    named = data_get(user=request.user, workspace=target.workspace, name=data_name)
    data_save(
        user=request.user,
        workspace=target.workspace,
        name=named.name,
        paths={target.name: ""},
    )
    messages.success(request, f"{target.name} does not have {named.name} any more; files stay.")
    return redirect("runs:target", target.name)


def _data_form(request: PageRequest, named: NamedData | None) -> HttpResponse:
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.ADMIN)
    known = target_list(user=request.user, workspace=workspace)
    targets = [target for target in known if data_writable(user=request.user, target=target)]
    form = DataForm(request.POST or None, targets=targets, named=named)
    if request.method == "POST" and form.is_valid():
        saved = form.save(user=request.user, workspace=workspace)
        if saved is not None:
            for target in targets:
                if target.name in form.moved:
                    target_test(target=target)
            messages.success(request, f"Runs find {saved.name} at {saved.variable}.")
            return redirect("compute:data")
    context = {"section": "data", "form": form, "named": named}
    return render(request, "compute/data_form.html", context, status=422 if form.errors else 200)
