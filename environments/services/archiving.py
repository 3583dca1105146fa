"""Taking environments and versions out of use, bringing them back, and deleting them."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from environments.models import Environment, EnvironmentVersion
from environments.usage import Uses, uses_of_environment, uses_of_version
from studio.lib.refusal import Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role
from studio.services import audit


@transaction.atomic
def environment_archive(*, user: User, environment: Environment, is_archived: bool) -> None:
    """Offer it no more and refuse new runs in it, or do both again; what runs goes on.

    Raises:
        Forbidden: the user may not write here.
    """
    require_role(user, environment.workspace, Role.CONTRIBUTOR)
    if (environment.archived_at is not None) == is_archived:
        return
    environment.archived_at = timezone.now() if is_archived else None
    environment.save(update_fields=["archived_at"])
    _note(user, environment.workspace, _verb(is_archived=is_archived), str(environment))


@transaction.atomic
def version_archive(*, user: User, version: EnvironmentVersion, is_archived: bool) -> None:
    """The same for one version: `latest` means the newest one that is in use.

    Raises:
        Forbidden: the user may not write here.
    """
    workspace = version.environment.workspace
    require_role(user, workspace, Role.CONTRIBUTOR)
    if (version.archived_at is not None) == is_archived:
        return
    version.archived_at = timezone.now() if is_archived else None
    version.save(update_fields=["archived_at"])
    _note(user, workspace, _verb(is_archived=is_archived), str(version))


@transaction.atomic
def environment_delete(*, user: User, environment: Environment) -> None:
    """Delete it with its versions, locks and builds.

    Raises:
        Refused: runs use it, it is being built, or it is curated.
        Forbidden: the user may not write here.
    """
    workspace, name = environment.workspace, environment.name
    require_role(user, workspace, Role.CONTRIBUTOR)
    Environment.objects.select_for_update().get(pk=environment.pk)
    _check_unused(name, uses_of_environment(environment=environment), environment)
    environment.delete()
    _note(user, workspace, "delete", name)


@transaction.atomic
def version_delete(*, user: User, version: EnvironmentVersion) -> None:
    """Delete it with its locks and builds; its number is not given again.

    Raises:
        Refused: runs use it, it is being built, it is curated, or the only version.
        Forbidden: the user may not write here.
    """
    environment, name = version.environment, str(version)
    require_role(user, environment.workspace, Role.CONTRIBUTOR)
    Environment.objects.select_for_update().get(pk=environment.pk)
    _check_unused(name, uses_of_version(version=version), environment)
    if environment.versions.count() == 1:
        raise Refused(f"{name} is the only version: delete the environment {environment} instead.")
    Environment.objects.filter(pk=environment.pk).update(
        last_number=Greatest(F("last_number"), version.number)
    )
    version.delete()
    _note(user, environment.workspace, "delete", name)


def delete_problem(*, environment: Environment, version: EnvironmentVersion | None) -> str:
    """Why it cannot be deleted, as a sentence; "" when it can be."""
    uses = (
        uses_of_version(version=version)
        if version
        else uses_of_environment(environment=environment)
    )
    try:
        _check_unused(str(version or environment), uses, environment)
    except Refused as error:
        return error.sentence
    return ""


def _check_unused(name: str, uses: Uses, environment: Environment) -> None:
    if environment.origin == Environment.Origin.CURATED:
        raise Refused(f"{name} is curated and would come back by itself: archive it instead.")
    if uses.runs:
        verb = "runs use" if uses.runs > 1 else "run uses"
        trash = f" ({uses.in_trash:,} of them in the trash)" if uses.in_trash else ""
        raise Refused(
            f"{name} cannot be deleted: {uses.runs:,} {verb} it{trash}. Archive it instead."
        )
    if uses.live_builds:
        raise Refused(f"{name} is being built: cancel build {uses.live_builds[0]} first.")


def _verb(*, is_archived: bool) -> str:
    return "archive" if is_archived else "restore"


def _note(user: User, workspace: Workspace, what: str, subject: str) -> None:
    audit(user=user, workspace=workspace, action=f"environment.{what}", subject=subject)
