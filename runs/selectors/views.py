"""Views of the list of runs that people keep."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from runs.models import SavedView
from studio.lib.refusal import NotFound
from studio.lib.rows import only
from studio.models import User, Workspace
from studio.selectors import workspaces_of


def view_list(*, user: User, workspace: Workspace) -> QuerySet[SavedView]:
    """The user's own views and those that are shared in the workspace, by name."""
    return _seen_by(user).filter(workspace=workspace)


def view_get(*, user: User, view_id: int) -> SavedView:
    """A view that the user sees.

    Raises:
        NotFound: there is none, or the user may not know of it.
    """
    found = only(_seen_by(user).select_related("workspace").filter(pk=view_id))
    if found is None:
        raise NotFound(f"There is no view {view_id} that you can see.")
    return found


def _seen_by(user: User) -> QuerySet[SavedView]:
    mine = Q(user=user) | Q(is_shared=True)
    return SavedView.objects.filter(mine, workspace__in=workspaces_of(user=user))
