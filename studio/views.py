"""Signing in and out, and the answer to "are you there?"."""

from __future__ import annotations

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from studio.lib.refusal import NotFound
from studio.services import login_link_use

_NEXT = "runyard_next"
_NEXT_S = 3600


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """The web process answers."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_GET
def sign_in(request: HttpRequest) -> HttpResponse:
    """How to get a sign-in link; who is signed in already goes on.

    Where the person wanted to go is kept in a cookie: the link that they open next comes
    from a terminal or a message and does not know it.
    """
    if request.user.is_authenticated:
        return redirect(_next(request))
    response = render(request, "studio/sign_in.html")
    response.set_cookie(
        _NEXT,
        _next(request),
        max_age=_NEXT_S,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )
    return response


@never_cache
@require_http_methods(["GET", "POST"])
def login_link(request: HttpRequest, token: str) -> HttpResponse:
    """Opening the link shows a button; only the click uses it up.

    So a chat program that looks at links ahead of the person does not spend it.
    """
    if request.method == "GET":
        return render(request, "studio/login_link.html", {"next": _next(request)})
    try:
        user = login_link_use(token=token)
    except NotFound as error:
        return render(request, "studio/login_link.html", {"sentence": str(error)}, status=410)
    login(request, user)
    response = redirect(_next(request))
    response.delete_cookie(_NEXT, samesite="Lax")
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Forget who this browser belongs to."""
    logout(request)
    return redirect("studio:sign_in")


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is a page of ours."""
    asked = (request.POST.get("next"), request.GET.get("next"), request.COOKIES.get(_NEXT))
    wanted = next(filter(None, asked), "/")
    here = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if here else "/"
