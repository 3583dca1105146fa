"""Records in their plainest form, each by one function with defaults."""

from __future__ import annotations

import itertools

from studio.models import Membership, Role, User, Workspace

_numbers = itertools.count(1)


def make_user(
    name: str = "", *, workspace: Workspace | None = None, role: str = Role.CONTRIBUTOR
) -> User:
    """Somebody who can sign in, and who is a member of the workspace if one is given."""
    user = User.objects.create_user(name or f"user-{next(_numbers)}")
    if workspace is not None:
        Membership.objects.create(user=user, workspace=workspace, role=role)
    return user


def make_workspace(slug: str = "") -> Workspace:
    """A workspace without members."""
    slug = slug or f"workspace-{next(_numbers)}"
    return Workspace.objects.create(slug=slug, name=slug)
