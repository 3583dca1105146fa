"""Passwords: a second way in beside one-time links. Nobody needs one."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from studio.lib.refusal import Refused
from studio.models import User
from studio.services.access import access_changed
from studio.services.audit import audit
from studio.services.links import login_links_end


def password_verify(*, request: HttpRequest, name: str, password: str) -> User:
    """The user of that name and password.

    Raises:
        Refused: there is none, or too many wrong passwords for this name came from there.
    """
    user = authenticate(request, username=name, password=password)
    if getattr(request, "axes_locked_out", False):
        raise Refused(
            "Too many wrong passwords for this name: wait 15 minutes, or sign in with a link.",
            field="password",
            code="locked",
        )
    if not isinstance(user, User):
        raise Refused("The name or the password is wrong.", field="password", code="wrong")
    return user


@transaction.atomic
def password_set(*, user: User, password: str) -> None:
    """Give the user a password. Their other sessions and unused sign-in links end.

    Raises:
        Refused: it is too easy to guess; a sentence for each reason.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused(" ".join(error.messages), field="password") from error
    user.set_password(password)
    user.save(update_fields=["password"])
    login_links_end(user=user)
    audit(user=user, workspace=None, action="password.set", subject=user.username)
    access_changed(user=user)
