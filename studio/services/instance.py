"""The installation itself: its owner, its first workspace, its key."""

from __future__ import annotations

import secrets

from django.db import transaction

from studio.models import Instance, Membership, Role, User, Workspace


@transaction.atomic
def user_bootstrap(*, workspace_name: str = "team") -> User:
    """The owner of this instance, with the first workspace; made once."""
    owner = User.objects.filter(is_superuser=True).order_by("pk").first()
    if owner is None:
        owner = User.objects.create_superuser("owner")  # without a password that could be used
    workspace, _ = Workspace.objects.get_or_create(slug="main", defaults={"name": workspace_name})
    Membership.objects.get_or_create(user=owner, workspace=workspace, defaults={"role": Role.ADMIN})
    return owner


def instance_key() -> str:
    """The short name of this installation in folder names on targets."""
    return _instance_key() or _instance_create()


def _instance_key() -> str:
    return Instance.objects.values_list("key", flat=True).order_by("pk").first() or ""


@transaction.atomic
def _instance_create() -> str:
    return Instance.objects.create(key=secrets.token_hex(4)).key
