"""What the submit page asks while it is filled in: nothing of it writes a run."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST

from compute.data_names import data_mentioned
from compute.selectors import data_paths
from runs.fileforms import UPLOAD, ZIP
from runs.forms import SubmitForm
from runs.giturls import GitRefused
from runs.prefill import differences
from runs.recipes import cli_text, command_text, python_text
from runs.services.checks import submission_refusals
from runs.services.preflight import submission_preflight
from runs.services.sources import source_look
from runs.services.submit import default_name, source_name
from runs.services.trees import LISTING_S, Seen, submission_files
from runs.submission import Submission, command_words
from runs.views.choices import Places, places
from runs.views.submitform import earlier_run, submit_form, submit_offer
from studio.lib.refusal import Refused
from studio.models import Role, Workspace
from studio.pages import PageRequest, current_workspace, page
from studio.selectors import require_role

_PATIENCE_S = 8.0
"""How long one waits for the tree of a large folder."""


@require_POST
@page
def check(request: PageRequest) -> HttpResponse:
    """What is wrong with each field, what would run, and how soon: as JSON for the open page."""
    workspace, form, asked = _asked(request)
    seen = _seen(request, workspace, asked)
    for error in _refusals(request, workspace, asked, seen):
        form.refuse(error)
    found = places(user=request.user, workspace=workspace, request=asked)
    earlier = earlier_run(request)
    differing = differences(earlier, form.data) if earlier else []
    return JsonResponse(
        {
            "problems": form.problems(),
            "plan": plan(workspace, asked, found, kind=request.POST.get("source", "")),
            "targets": {
                each.target.name: render_to_string("runs/parts/outlook.html", {"outlook": each})
                for each in found.outlooks
            },
            "environments": {
                name: render_to_string("runs/parts/readiness.html", {"readiness": each})
                for name, each in found.readiness.items()
            },
            "differences": render_to_string(
                "runs/parts/differences.html", {"earlier": earlier, "differing": differing}
            )
            if earlier
            else "",
        }
    )


@require_POST
@page
def preflight(request: PageRequest) -> HttpResponse:
    """What may go wrong, as a list."""
    workspace, _, asked = _asked(request)
    seen = _seen(request, workspace, asked)
    found = submission_preflight(user=request.user, workspace=workspace, request=asked, seen=seen)
    return render(request, "runs/parts/preflight.html", {"findings": found})


@gzip_page
@require_POST
@page
def files(request: PageRequest) -> HttpResponse:
    """The paths of all files that would run and the likeliest script, as JSON; or why not."""
    workspace, _, asked = _asked(request)
    seen = _seen(request, workspace, asked, patience_s=_PATIENCE_S)
    if seen.tree is None:  # a refusal is told beside its field
        return JsonResponse({"why": "" if seen.refusal else seen.why_not})
    first = next(iter(seen.tree.scripts), "")
    return JsonResponse({"paths": list(seen.tree.sizes), "first": first, "note": seen.tree.note})


@require_POST
@page
def look(request: PageRequest) -> HttpResponse:
    """Take an archive, or fetch a repository, to look into it: the name of its snapshot."""
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    offer = submit_offer(request, workspace)
    form = submit_form(request, workspace, offer, data=request.POST, files=request.FILES)
    asked = form.so_far()
    try:
        form_files = form.files_asked()
        snapshot = source_look(user=request.user, workspace=workspace, files=form_files)
    except Refused as error:
        form.refuse(error)
        return JsonResponse({"problems": form.problems()}, status=422)
    return JsonResponse(
        {
            "digest": snapshot.digest,
            "files": snapshot.file_count,
            "size_bytes": snapshot.size_bytes,
            "name": _called(asked),
        }
    )


def plan(
    workspace: Workspace, asked: Submission, found: Places, *, kind: str
) -> dict[str, object] | None:
    """The three texts of what would run, and the names it would get; None when nothing would."""
    if bool(asked.script) == bool(asked.command):
        return None
    try:
        words = list(asked.command) or command_words(asked.script, asked.arguments)
    except Refused:
        return None
    data = {}
    if found.target is not None:
        try:
            names = [*asked.data, *data_mentioned(words)]
            data = data_paths(target=found.target, names=list(dict.fromkeys(names)))
        except Refused:
            pass  # it is said beside the field
    experiment = asked.experiment.strip() or _called(asked) or "default"
    own = kind in {UPLOAD, ZIP}
    return {
        "command": command_text(words, data),
        "cli": cli_text(asked, experiment=experiment, is_own_folder=own),
        "python": python_text(asked, experiment=experiment, is_own_folder=own),
        "defaults": {"experiment": experiment, "name": default_name(asked, words)},
    }


def _called(asked: Submission) -> str:
    try:
        return source_name(asked)
    except GitRefused:
        return ""  # it is said beside the field


def _asked(request: PageRequest) -> tuple[Workspace, SubmitForm, Submission]:
    workspace = current_workspace(request)
    require_role(request.user, workspace, Role.CONTRIBUTOR)
    form = submit_form(request, workspace, submit_offer(request, workspace), data=request.POST)
    return workspace, form, form.so_far()


def _seen(
    request: PageRequest, workspace: Workspace, asked: Submission, patience_s: float = LISTING_S
) -> Seen:
    return submission_files(
        user=request.user,
        workspace=workspace,
        source=asked.source,
        looked=request.POST.get("looked", ""),
        patience_s=patience_s,
    )


def _refusals(
    request: PageRequest, workspace: Workspace, asked: Submission, seen: Seen
) -> list[Refused]:
    paths = seen.tree.sizes if seen.tree else None
    found = submission_refusals(user=request.user, workspace=workspace, request=asked, paths=paths)
    return [*([seen.refusal] if seen.refusal else []), *found]
