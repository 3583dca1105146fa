"""Writing what opens registries of images: admins only, and the secret is never read back."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from compute.models import RegistryLogin
from compute.references import is_registry
from compute.selectors import registry_login_get
from studio.lib.refusal import Refused
from studio.lib.vault import encrypt
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit

_MAX_NAME, _MAX_SECRET = 255, 16_384


@transaction.atomic
def registry_login_set(
    *, user: User, workspace: Workspace, host: str, username: str, password: str
) -> RegistryLogin:
    """Keep the user name and password (or token) for one registry, encrypted; replaces another.

    Raises:
        Refused: a value cannot work; `field` names it.
        Forbidden: the user is no admin of the workspace.
    """
    require_role(user, workspace, Role.ADMIN)
    host = host.strip().lower()
    if not is_registry(host):
        raise Refused(
            f"'{host[:80]}' is no host of a registry: write it as docker.io or "
            "registry.example.org:5000, without https:// and without a path.",
            field="host",
        )
    login, _ = RegistryLogin.objects.update_or_create(
        workspace=workspace,
        host=host,
        defaults={
            "username": _text(username.strip(), "user name", "username", _MAX_NAME),
            "secret": encrypt(_text(password.strip("\r\n"), "password", "password", _MAX_SECRET)),
            "created_by": user,
            "created_at": timezone.now(),
            "last_used_at": None,
        },
    )
    audit(user=user, workspace=workspace, action="registry.login", subject=host)
    return login


@transaction.atomic
def registry_login_remove(*, user: User, workspace: Workspace, host: str) -> None:
    """Forget a login; images that were brought with it stay where they are.

    Raises:
        NotFound: there is none for this registry.
    """
    require_role(user, workspace, Role.ADMIN)
    registry_login_get(workspace=workspace, host=host).delete()
    audit(user=user, workspace=workspace, action="registry.logout", subject=host)


def registry_logins_used(*, workspace: Workspace, hosts: Collection[str]) -> None:
    """Note that these were sent to their registries."""
    logins = RegistryLogin.objects.filter(workspace=workspace, host__in=hosts)
    for login in logins:
        audit(user=None, workspace=workspace, action="registry.used", subject=login.host)
    logins.update(last_used_at=timezone.now())


def _text(value: str, label: str, field: str, most: int) -> str:
    if not value or len(value) > most or not value.isprintable():
        raise Refused(
            f"The {label} is missing or cannot be sent: give one line, {most} characters at most.",
            field=field,
        )
    return value
