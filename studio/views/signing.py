"""Signing in and out, and the answer to "are you there?"."""

from __future__ import annotations

import time
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from studio.forms import SignInForm
from studio.lib.refusal import NotFound, Refused
from studio.models import User
from studio.services import access_changed, login_link_use, password_verify

_NEXT = "runyard_next"
_NEXT_S = 3600
_BY_LINK = "signed_in_by_link_at"
_FRESH_S = 3600
_BACKEND = settings.AUTHENTICATION_BACKENDS[-1]


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """The web process answers."""
    return HttpResponse("ok", content_type="text/plain")


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in by name and password, or learn how to get a link; who is signed in goes on.

    Where the person wanted to go is kept in a cookie: the link that they open instead comes
    from a terminal or a message and does not know it.
    """
    if request.user.is_authenticated:
        return redirect(next_page(request))
    form = SignInForm(request.POST or None)
    if form.is_valid():
        try:
            return _enter(request, password_verify(request=request, **form.cleaned_data))
        except Refused as error:
            form.refuse(error)
            status = 429 if error.code == "locked" else 422
            return _sign_in_page(request, form, status)
    return _sign_in_page(request, form, 422 if form.errors else 200)


def _sign_in_page(request: HttpRequest, form: SignInForm, status: int) -> HttpResponse:
    wanted = next_page(request)
    context = {"form": form, "next": wanted}
    response = render(request, "studio/sign_in.html", context, status=status)
    response.set_cookie(
        _NEXT,
        wanted,
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

    So a chat program that looks at links ahead of the person does not spend it. Who signs in
    for the first time is offered a password before going on.
    """
    if request.method == "GET":
        return render(request, "studio/login_link.html", {"next": next_page(request)})
    try:
        user = login_link_use(token=token)
    except NotFound as error:
        return render(request, "studio/login_link.html", {"sentence": str(error)}, status=410)
    is_first = user.last_login is None and not user.has_usable_password()
    response = _enter(request, user, offer_password=is_first)
    request.session[_BY_LINK] = time.time()
    return response


def _enter(request: HttpRequest, user: User, *, offer_password: bool = False) -> HttpResponse:
    """Sign in: the session gets a new key, so that one planted before is worth nothing."""
    wanted = next_page(request)
    login(request, user, backend=_BACKEND)
    query = urlencode({"next": wanted})
    response = redirect(f"{reverse('studio:welcome')}?{query}" if offer_password else wanted)
    response.delete_cookie(_NEXT, samesite="Lax")
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Forget who this browser belongs to; its open pages stop hearing of anything."""
    user = request.user
    logout(request)
    if user.is_authenticated:
        access_changed(user=user)
    return redirect("studio:sign_in")


def came_by_link(request: HttpRequest) -> bool:
    """Whether this session began with a one-time link lately: that proves as much as a password."""
    began: float = request.session.get(_BY_LINK, 0.0)
    return time.time() - began < _FRESH_S


def next_page(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is a page of ours."""
    asked = (request.POST.get("next"), request.GET.get("next"), request.COOKIES.get(_NEXT))
    wanted = next(filter(None, asked), "/")
    here = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if here else "/"
