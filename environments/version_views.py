"""What is done to versions: compared, labelled, archived, deleted, brought up to date."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_POST

from compute.selectors import target_get
from environments.differences import definition_changes, lock_changes
from environments.models import Environment, EnvironmentVersion, LockUpdate
from environments.selectors import (
    environment_get,
    environment_list,
    update_changes,
    update_get,
    version_find,
    version_locks,
)
from environments.services import (
    build_order,
    delete_problem,
    environment_archive,
    environment_delete,
    label_remove,
    label_set,
    update_apply,
    update_start,
    version_archive,
    version_delete,
)
from studio.lib.refusal import NotFound, Refused
from studio.models import Role
from studio.pages import PageRequest, current_workspace, is_contributor, page
from studio.selectors import require_role
from studio.toasts import toast


def _environment(request: PageRequest, name: str) -> Environment:
    return environment_get(workspace=current_workspace(request), name=name)


def _version(request: PageRequest, name: str, number: int) -> EnvironmentVersion:
    return version_find(workspace=current_workspace(request), reference=f"{name}:{number}")


def _shown(version: EnvironmentVersion) -> HttpResponseRedirect:
    return redirect("environments:version", version.environment.name, version.number)


@page
def compare(request: PageRequest) -> HttpResponse:
    """What the version `to` has otherwise than the version `from`; without both, a form."""
    workspace = current_workspace(request)
    asked = {name: request.GET.get(name, "").strip() for name in ("from", "to")}
    context: dict[str, Any] = {
        "section": "environments",
        "asked": asked["from"],
        "to": asked["to"],
        "names": [row.name for row in environment_list(workspace=workspace)],
    }
    status = 200
    if all(asked.values()):
        try:
            old, new = (version_find(workspace=workspace, reference=r) for r in asked.values())
        except NotFound as error:
            context["problem"], status = error.sentence, 404
        else:
            context |= _differences(old, new)
    return render(request, "environments/compare.html", context, status=status)


def _differences(old: EnvironmentVersion, new: EnvironmentVersion) -> dict[str, Any]:
    before, after = version_locks(version=old), version_locks(version=new)
    return {
        "old": old,
        "new": new,
        "parts": definition_changes(old.spec, new.spec),
        "changes": lock_changes(before, after),
        "unlocked": [v for v, locks in ((old, before), (new, after)) if not locks],
    }


@page
def lock(request: PageRequest, name: str, number: int, lock_id: int) -> HttpResponse:
    """A lock as a file that pip and uv install."""
    version = _version(request, name, number)
    found = version.locks.filter(pk=lock_id).first()
    if found is None:
        raise NotFound(f"{version} has no such lock.")
    response = HttpResponse(found.text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename="requirements.lock.txt"
    )
    return response


@require_POST
@page
def label(request: PageRequest, name: str, number: int) -> HttpResponseRedirect:
    """Let a label mean this version."""
    version = _version(request, name, number)
    found = label_set(user=request.user, version=version, label=request.POST.get("label", ""))
    toast(request, f"{found} means version {number} now.")
    return _shown(version)


@require_POST
@page
def unlabel(request: PageRequest, name: str) -> HttpResponseRedirect:
    """Forget a label."""
    environment, word = _environment(request, name), request.POST.get("label", "")
    label_remove(user=request.user, environment=environment, label=word)
    toast(request, f"The label {word} is removed; its version is still there.")
    return redirect("environments:detail", environment.name)


@require_POST
@page
def build(request: PageRequest, name: str, number: int) -> HttpResponseRedirect:
    """Have the version built on a target before any run needs it."""
    version, workspace = _version(request, name, number), current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    asked = request.POST.get("target", "")
    target = target_get(workspace=workspace, user=request.user, name=asked)
    build_order(user=request.user, version=version, target=target)
    toast(request, f"{version} is built on {target.name}: its build appears among those below.")
    return _shown(version)


@require_POST
@page
def archive(request: PageRequest, name: str, number: int | None = None) -> HttpResponseRedirect:
    """Take an environment or one version out of use, or bring it back."""
    is_archived = request.POST.get("archived") == "1"
    user = request.user
    what: Environment | EnvironmentVersion
    if number is None:
        what = _environment(request, name)
        environment_archive(user=user, environment=what, is_archived=is_archived)
        answer = redirect("environments:detail", what.name)
    else:
        what = _version(request, name, number)
        version_archive(user=user, version=what, is_archived=is_archived)
        answer = _shown(what)
    said = "is archived: new runs are refused" if is_archived else "is in use again"
    undo = [("archived", "0" if is_archived else "1")]
    toast(request, f"{what} {said}.", undo_url=request.path, fields=undo)
    return answer


@require_http_methods(["GET", "POST"])
@page
def delete(request: PageRequest, name: str, number: int | None = None) -> HttpResponse:
    """Say what goes, or why it cannot; on the second step delete it."""
    environment = _environment(request, name)
    version = _version(request, name, number) if number is not None else None
    require_role(request.user, environment.workspace, Role.CONTRIBUTOR)
    if request.method == "POST":
        if version is not None:
            version_delete(user=request.user, version=version)
            toast(request, f"{version} is deleted.")
            return redirect("environments:detail", environment.name)
        environment_delete(user=request.user, environment=environment)
        toast(request, f"The environment {name} is deleted.")
        return redirect("environments:list")
    context = {
        "section": "environments",
        "environment": environment,
        "version": version,
        "what": str(version or environment),
        "problem": delete_problem(environment=environment, version=version),
    }
    return render(request, "environments/environment_delete.html", context)


@require_POST
@page
def update_begin(request: PageRequest, name: str, number: int) -> HttpResponseRedirect:
    """Resolve the packages of a version anew, to look at."""
    version = _version(request, name, number)
    found = update_start(user=request.user, version=version)
    return redirect("environments:update", version.environment.name, found.pk)


def _update(request: PageRequest, name: str, update_id: int) -> LockUpdate:
    found = update_get(user=request.user, update_id=update_id)
    if found.version.environment != _environment(request, name):
        raise NotFound(f"There is no update {update_id} of {name}.")
    return found


def _update_frame(request: PageRequest, found: LockUpdate) -> dict[str, Any]:
    workspace = current_workspace(request)
    is_ready = found.status == LockUpdate.Status.READY
    changes = update_changes(update=found) if is_ready else []
    return {
        "section": "environments",
        "workspace": workspace,
        "update": found,
        "version": found.version,
        "changes": changes,
        "changed": any(change.changes for change in changes),
        "newer": found.version.environment.versions.filter(
            number__gt=found.version.number, archived_at=None
        ).first(),
        "done": len(found.locks),
        "wanted": found.version.locks.count(),
        "may_change": is_contributor(request, workspace),
    }


@page
def update(request: PageRequest, name: str, update_id: int) -> HttpResponse:
    """How the resolving goes, then what would change; once applied, the two versions."""
    found = _update(request, name, update_id)
    if found.made is not None:
        return redirect(_compare_url(found.version, found.made))
    return render(request, "environments/update.html", _update_frame(request, found))


@page
def update_live(request: PageRequest, name: str, update_id: int) -> HttpResponse:
    """The part of the page that changes."""
    found = _update(request, name, update_id)
    return render(request, "environments/parts/update_body.html", _update_frame(request, found))


@require_POST
@page
def update_confirm(request: PageRequest, name: str, update_id: int) -> HttpResponse:
    """Make the version that was shown."""
    found = _update(request, name, update_id)
    try:
        made = update_apply(user=request.user, update=found)
    except Refused:
        if found.is_live:
            return redirect("environments:update", name, update_id)
        raise
    toast(request, f"{made} has the packages that were shown, and new runs take it.")
    return _shown(made)


def _compare_url(old: EnvironmentVersion, new: EnvironmentVersion) -> str:
    return f"{reverse('environments:compare')}?from={old}&to={new}"
