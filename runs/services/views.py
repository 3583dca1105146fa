"""Keeping views of the list of runs."""

from __future__ import annotations

from django.db import transaction

from runs.models import SavedView
from runs.query import QueryError, parse
from studio.lib.refusal import Forbidden, Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role, role_of

MAX_NAME = 100
MAX_VIEWS = 100
MAX_COLUMNS_TEXT = 10_000


@transaction.atomic
def view_save(
    *, user: User, workspace: Workspace, name: str, query: str, columns: str, is_shared: bool
) -> SavedView:
    """Keep a query with its columns under a name; the user's view of that name is replaced.

    Raises:
        Refused: it cannot be kept.
        Forbidden: it shall be shared, and the user may not write here.
    """
    require_role(user, workspace, Role.CONTRIBUTOR if is_shared else Role.VIEWER)
    name = name.strip()
    if not name or len(name) > MAX_NAME:
        raise Refused(f"A view needs a name of 1 to {MAX_NAME} characters.", field="name")
    _check(query, columns)
    mine = SavedView.objects.filter(workspace=workspace, user=user)
    if not mine.filter(name=name).exists() and mine.count() >= MAX_VIEWS:
        raise Refused(f"You have {MAX_VIEWS} views here: delete one that you do not need.")
    view, _ = SavedView.objects.update_or_create(
        workspace=workspace,
        user=user,
        name=name,
        defaults={"query": query, "columns": columns, "is_shared": is_shared},
    )
    return view


def view_change(*, user: User, view: SavedView, query: str, columns: str) -> None:
    """Let a view mean another query and other columns.

    Raises:
        Refused: it cannot be kept.
        Forbidden: somebody else made it, and the user is no admin.
    """
    _require_right(user, view)
    _check(query, columns)
    SavedView.objects.filter(pk=view.pk).update(query=query, columns=columns)


def view_delete(*, user: User, view: SavedView) -> None:
    """Forget a view; no run is touched.

    Raises:
        Forbidden: somebody else made it, and the user is no admin.
    """
    _require_right(user, view)
    view.delete()


def _require_right(user: User, view: SavedView) -> None:
    require_role(user, view.workspace, Role.VIEWER)
    if view.user_id != user.pk and role_of(user=user, workspace=view.workspace) != Role.ADMIN:
        raise Forbidden(
            f"The view '{view.name}' is not yours: only who made it, or an admin, changes it. Save "
            "one of your own."
        )


def _check(query: str, columns: str) -> None:
    try:
        parse(query)
    except QueryError as error:
        raise Refused(f"This query cannot be kept: {error.sentence}", field="q") from error
    if len(columns) > MAX_COLUMNS_TEXT or "\0" in columns:
        raise Refused("These are too many columns for a view: choose fewer.", field="columns")
