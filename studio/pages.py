"""What every page has in common: somebody is signed in, and a refusal is a page with a sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_required
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from studio.lib.refusal import Forbidden, NotFound, Refused
from studio.models import Role, User, Workspace
from studio.selectors import role_of, workspace_for, workspaces_of
from studio.services import user_seen

P = ParamSpec("P")
WORKSPACE = "workspace"
"""The session key of the workspace whose pages are shown; without it, the user's first."""


class PageRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: User
    htmx: Any
    workspaces: list[Workspace]
    roles: dict[int, Role | None]


def page(
    view: Callable[Concatenate[PageRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A view for people: strangers sign in first, and whatever is refused is said in a sentence."""

    @login_required
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        known = cast("PageRequest", request)
        user_seen(user=known.user)
        try:
            return view(known, *args, **kwargs)
        except Refused as error:
            return refusal_page(request, error)

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if "HX-Request" in request.headers and not request.user.is_authenticated:
            # a part of an open page whose session ended: the whole page asks again, and signs in
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return answer(request, *args, **kwargs)

    return guarded


def refusal_page(request: HttpRequest, error: Refused) -> HttpResponseBase:
    """The page that says why not."""
    if isinstance(error, NotFound):
        template, status = "404.html", 404
    elif isinstance(error, Forbidden):
        template, status = "403.html", 403
    else:
        template, status = "studio/refused.html", 422
    if "HX-Request" in request.headers:
        template = "parts/toast.html"  # a part of an open page asked: the sentence is enough
        return render(
            request, template, {"message": error.sentence, "is_error": True}, status=status
        )
    context = {"sentence": error.sentence, "back": came_from(request)}
    return render(request, template, context, status=status)


def came_from(request: HttpRequest) -> str:
    """The page of ours from which this request came, if it is another one; else empty."""
    before = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(
        before, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return before if ours and urlsplit(before).path != request.path else ""


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for what no page expected; a database that is away is told from our mistakes."""
    is_away = isinstance(sys.exception(), OperationalError)
    template, status = ("503.html", 503) if is_away else ("500.html", 500)
    return HttpResponse(render_to_string(template), status=status)


def current_workspace(request: PageRequest) -> Workspace:
    """The workspace whose pages this person looks at.

    Raises:
        NotFound: the user is in none.
    """
    slug = request.session.get(WORKSPACE, "")
    mine = workspaces_here(request)
    found = next((workspace for workspace in mine if workspace.slug == slug), None)
    if found is None and slug:
        del request.session[WORKSPACE]  # it is gone, or the user left it
    return found or (mine[0] if mine else workspace_for(user=request.user))


def workspaces_here(request: HttpRequest) -> list[Workspace]:
    """The workspaces of whoever asks, looked up once a request."""
    known = cast("PageRequest", request)
    if not hasattr(known, "workspaces"):
        known.workspaces = list(workspaces_of(user=known.user).order_by("pk"))
    return known.workspaces


def role_here(request: HttpRequest, workspace: Workspace) -> Role | None:
    """The role of whoever asks, looked up once a request; None for strangers."""
    known = cast("PageRequest", request)
    if not hasattr(known, "roles"):
        known.roles = {}
    if workspace.pk not in known.roles:
        known.roles[workspace.pk] = role_of(user=known.user, workspace=workspace)
    return known.roles[workspace.pk]


def is_contributor(request: PageRequest, workspace: Workspace) -> bool:
    """Whether pages offer this person what changes runs."""
    return role_here(request, workspace) in {Role.CONTRIBUTOR, Role.ADMIN}


def is_admin(request: PageRequest, workspace: Workspace) -> bool:
    """Whether pages offer this person what changes targets."""
    return role_here(request, workspace) == Role.ADMIN
