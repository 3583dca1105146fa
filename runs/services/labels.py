"""What people write on a run: its name, description and tags, before and after it has begun."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from runs.models import Run
from runs.services.move import run_note
from studio.lib.refusal import Refused
from studio.models import Role, User
from studio.selectors import require_role

_MAX_TAGS = 50
_MAX_NAME = 255


@transaction.atomic
def run_label(
    *,
    user: User,
    run: Run,
    name: str | None = None,
    description: str | None = None,
    tags: Mapping[str, str | None] | None = None,
) -> None:
    """Change what is given; of the tags those that are named, where None takes one away.

    Raises:
        Refused: it cannot be kept; nothing was changed.
        Forbidden: the user may not write here.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    now = Run.objects.select_for_update().get(pk=run.pk)
    changed: dict[str, object] = {}
    if name is not None and name.strip() != now.name:
        if not name.strip():
            raise Refused("A run needs a name: give at least one character.", field="name")
        changed["name"] = name.strip()
    if description is not None and description != now.description:
        changed["description"] = description
    merged = {k: v for k, v in {**now.tags, **(tags or {})}.items() if v is not None}
    if merged != now.tags:
        changed["tags"] = merged
    labels_check(name=name or "", tags=merged)
    if changed:
        Run.objects.filter(pk=run.pk).update(**changed)
        run_note(run_id=run.pk, kind="labels", text=f"Changed {' and '.join(changed)}.", user=user)


@transaction.atomic
def run_tag(*, user: User, run: Run, name: str, value: str | None) -> tuple[bool, str | None]:
    """Give a run a tag, or with None take it away: whether that changed anything, and its value
    before (None: it had no such tag).

    Raises:
        Refused: it cannot be kept.
        Forbidden: the user may not write here.
    """
    require_role(user, run.workspace, Role.CONTRIBUTOR)
    before = Run.objects.select_for_update().get(pk=run.pk).tags.get(name)
    if before == value:
        return False, before
    run_label(user=user, run=run, tags={name: value})
    return True, before


def labels_check(*, name: str, tags: Mapping[str, str]) -> None:
    """Refuse a name or tags that cannot be kept.

    Raises:
        Refused: says which.
    """
    if len(name) > _MAX_NAME:
        raise Refused(f"The name is longer than {_MAX_NAME} characters: shorten it.", field="name")
    if len(tags) > _MAX_TAGS:
        raise Refused(f"{len(tags)} tags are too many: {_MAX_TAGS} at most.", field="tags")
    for tag, value in tags.items():
        if not tag.strip() or len(tag) > 100 or len(value) > 1000:
            raise Refused(
                f"The tag '{tag[:40]}' cannot be kept: a name has 1 to 100 characters, a value "
                "1,000 at most.",
                field="tags",
            )
