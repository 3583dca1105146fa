"""Who may see and do what: every query starts here."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from django.db.models import QuerySet

from studio.lib.refusal import Forbidden, NotFound
from studio.lib.rows import only
from studio.models import (
    ROLE_RANK,
    ApiToken,
    Membership,
    Role,
    User,
    Workspace,
    WorkspaceSecret,
)


def workspaces_of(*, user: User) -> QuerySet[Workspace]:
    """The workspaces whose things the user may see; the instance owner sees all."""
    if not user.is_active:
        return Workspace.objects.none()
    if user.is_superuser:
        return Workspace.objects.all()
    return Workspace.objects.filter(memberships__user=user)


def workspace_for(*, user: User, slug: str = "", role: Role = Role.VIEWER) -> Workspace:
    """The named workspace, or the user's first one.

    Raises:
        NotFound: it is not there for this user; a stranger learns nothing else.
        Forbidden: the user's role there is too low.
    """
    rows = workspaces_of(user=user).order_by("pk")
    found = only(rows.filter(slug=slug)) if slug else rows.first()
    if found is None:
        what = (
            f"There is no workspace '{slug}' that you can see."
            if slug
            else ("You are in no workspace yet: ask an admin to add you to one.")
        )
        raise NotFound(what)
    require_role(user, found, role)
    return found


def role_of(*, user: User, workspace: Workspace) -> Role | None:
    """The user's role in the workspace; None for strangers."""
    if user.is_superuser and user.is_active:
        return Role.ADMIN
    found = only(Membership.objects.filter(user=user, workspace=workspace).values_list("role"))
    return Role(found[0]) if found else None


def require_role(user: User, workspace: Workspace, role: Role) -> None:
    """Let members of at least this role pass.

    Raises:
        NotFound: the user is a stranger here.
        Forbidden: the user's role is too low.
    """
    actual = role_of(user=user, workspace=workspace)
    if actual is None:
        raise NotFound(f"There is no workspace '{workspace.slug}' that you can see.")
    if ROLE_RANK[actual] < ROLE_RANK[role]:
        needed = f"{'an' if role == Role.ADMIN else 'a'} {role}"
        raise Forbidden(
            f"You are a {actual} of {workspace.name}; this needs {needed}: ask an admin of the "
            "workspace."
        )


def member_list(*, user: User, workspace: Workspace) -> QuerySet[Membership]:
    """The members of a workspace with their accounts, by name; for its admins.

    Raises:
        Forbidden, NotFound: the user is no admin there.
    """
    require_role(user, workspace, Role.ADMIN)
    return workspace.memberships.select_related("user").order_by("user__username")


def token_list(*, user: User) -> QuerySet[ApiToken]:
    """The user's own tokens, newest first."""
    return user.tokens.order_by("-pk")


def token_stands(*, token: ApiToken) -> bool:
    """Whether a token that was good a moment ago still is."""
    return ApiToken.objects.filter(pk=token.pk).exists() and not token.is_expired


def secret_list(*, user: User, workspace: Workspace) -> QuerySet[WorkspaceSecret]:
    """The secrets of a workspace by name, without their values; for those who may use them.

    Raises:
        Forbidden, NotFound: the user may only look at the workspace, or is no member.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    rows = workspace.secrets.select_related("created_by", "changed_by")
    return rows.defer("value")


def secret_names(*, workspace: Workspace) -> list[str]:
    """What forms offer to those who may submit."""
    return list(workspace.secrets.values_list("name", flat=True))


def secrets_known(*, workspace: Workspace, names: Collection[str]) -> None:
    """Refuse the name of a secret that the workspace does not have.

    Raises:
        NotFound: there is none of that name; the sentence says what is near, or what to do.
    """
    if not names:
        return
    rows = WorkspaceSecret.objects.filter(workspace=workspace)
    known = set(rows.values_list("name", flat=True))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"did you mean {near[0]}?"
                if near
                else "an admin of the workspace can add it under Secrets."
            )
            raise NotFound(f"There is no secret '{name[:64]}' here: {hint}", field="secrets")
