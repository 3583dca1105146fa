"""One's own page: password and tokens."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from studio.forms import PasswordForm, TokenForm
from studio.lib.refusal import Refused
from studio.pages import PageRequest, page
from studio.selectors import token_list, workspaces_of
from studio.services import (
    NewToken,
    password_set,
    password_verify,
    token_issue,
    token_revoke,
)
from studio.views.signing import came_by_link, next_page


@never_cache
@require_GET
@page
def account(request: PageRequest) -> HttpResponse:
    """Who one is here, and what one may change about it."""
    return _account(request)


def _account(
    request: PageRequest,
    *,
    password_form: PasswordForm | None = None,
    token_form: TokenForm | None = None,
    made: NewToken | None = None,
) -> HttpResponse:
    refused = (password_form and password_form.errors) or (token_form and token_form.errors)
    context = {
        "section": "account",
        "workspaces": workspaces_of(user=request.user).order_by("name"),
        "password_form": password_form or PasswordForm(asks_old=_asks_old(request)),
        "token_form": token_form or TokenForm(),
        "tokens": token_list(user=request.user),
        "made": made,
    }
    return render(request, "studio/account.html", context, status=422 if refused else 200)


@sensitive_post_parameters()
@never_cache
@require_POST
@page
def password(request: PageRequest) -> HttpResponse:
    """Set or change the password; other browsers have to sign in again."""
    form = PasswordForm(request.POST, asks_old=_asks_old(request))
    if not _set_password(request, form):
        return _account(request, password_form=form)
    messages.success(request, "Your password is set. Other browsers have to sign in again.")
    return redirect("studio:account")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
@page
def welcome(request: PageRequest) -> HttpResponse:
    """After the first sign-in: choose a password, or go on without one."""
    wanted = next_page(request)
    if request.user.has_usable_password():
        return redirect(wanted)
    form = PasswordForm(request.POST or None, asks_old=False)
    if request.method == "POST" and _set_password(request, form):
        return redirect(wanted)
    context = {"form": form, "next": wanted}
    return render(request, "studio/welcome.html", context, status=422 if form.errors else 200)


def _asks_old(request: PageRequest) -> bool:
    """Whoever finds an open browser must not be able to lock its owner out."""
    return request.user.has_usable_password() and not came_by_link(request)


def _set_password(request: PageRequest, form: PasswordForm) -> bool:
    if not form.is_valid():
        return False
    user = request.user
    try:
        if old := form.cleaned_data.get("old"):
            _verify_old(request, old)
        password_set(user=user, password=form.cleaned_data["password"])
    except Refused as error:
        form.refuse(error)
        return False
    update_session_auth_hash(request, user)  # this session goes on, under a new key
    return True


def _verify_old(request: PageRequest, old: str) -> None:
    try:
        password_verify(request=request, name=request.user.username, password=old)
    except Refused as error:
        wrong = "This is not your password now."
        raise Refused(wrong if error.code == "wrong" else error.sentence, field="old") from error


@never_cache
@require_POST
@page
def token_create(request: PageRequest) -> HttpResponse:
    """Make a token and show it this once."""
    form = TokenForm(request.POST)
    made = None
    if form.is_valid():
        try:
            made = token_issue(user=request.user, **form.cleaned_data)
        except Refused as error:
            form.refuse(error)
    return _account(request, token_form=None if made else form, made=made)


@require_POST
@page
def revoke(request: PageRequest, token_id: int) -> HttpResponseRedirect:
    """End a token."""
    token = token_revoke(user=request.user, token_id=token_id)
    messages.success(request, f"The token '{token.name}' is revoked.")
    return redirect("studio:account")
