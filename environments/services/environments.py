"""Defining environments and choosing one for a run."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Unpack, cast

from django.db import transaction
from django.db.models import F
from django.utils.module_loading import import_string

from compute.models import ComputeTarget
from environments.catalog import Template, templates
from environments.models import Environment, EnvironmentVersion, Lock
from environments.selectors import version_get, version_number
from environments.spec import (
    Definition,
    Spec,
    definition_of,
    requirements_spec,
    spec_digest,
    spec_make,
    template_spec,
)
from studio.lib.refusal import Refused
from studio.models import Role, User, Workspace
from studio.selectors import require_role

MINIMAL, NOTEBOOK = "minimal", "notebook"
_NOTEBOOK_NEEDS = "papermill\nipykernel\n"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_FOLDER_PREFIX = "folder-"
_CONTEXT_CHECK = "runs.services.snapshots.snapshot_check"
"""Snapshots live in an app above this one, so they are asked for by name."""


def environment_create(
    *,
    user: User,
    workspace: Workspace,
    name: str,
    description: str = "",
    based_on: str = "",
    **definition: Unpack[Definition],
) -> EnvironmentVersion:
    """Define an environment: by packages, a Python that is there, an image or a Dockerfile.

    `based_on` names another environment: what the definition leaves out is as there. The same
    definition as the newest version's changes nothing and answers with that version; another
    definition becomes the next version.

    Raises:
        Refused: the definition or the name cannot be used; nothing was written.
        Forbidden: the user may not write here.
    """
    require_role(user, workspace, Role.CONTRIBUTOR)
    _check_name(name)
    spec, origin = definition_read(workspace=workspace, based_on=based_on, definition=definition)
    _check_context(workspace, spec)
    with transaction.atomic():
        environment, _ = Environment.objects.get_or_create(
            workspace=workspace,
            name=name,
            defaults={"description": description, "created_by": user},
        )
        if environment.origin == Environment.Origin.CURATED:
            raise Refused(
                f"The environment {name} is curated and cannot be changed: choose another name.",
                field="name",
            )
        if environment.archived_at is not None:
            raise Refused(
                f"The environment {name} is archived: restore it, or choose another name.",
                field="name",
            )
        if description and description != environment.description:
            Environment.objects.filter(pk=environment.pk).update(description=description)
        return _version_ensure(environment, spec, user, based_on=str(origin or ""))


def definition_read(
    *, workspace: Workspace, definition: Definition, based_on: str = ""
) -> tuple[Spec, EnvironmentVersion | None]:
    """What a definition means in a workspace, and the version that it is based on; writes nothing.

    Raises:
        Refused: it cannot be used; the field names the part of it.
    """
    origin = version_get(workspace=workspace, reference=based_on) if based_on.strip() else None
    spec = spec_make(
        _based(origin.spec, definition) if origin else definition,
        has_conda=partial(_has_conda, workspace),
    )
    return spec, origin


def environment_pick(
    *, workspace: Workspace, name: str, folder_requirements: str | None, is_notebook: bool = False
) -> tuple[EnvironmentVersion, str]:
    """The environment version for a run, and why this one, as words for people.

    `name` ("" for none, else "name", "name:3" or "name:label") comes first, then the
    requirements.txt at the root of the run's folder (None when there is none), then the
    curated minimal. A notebook without a name gets what executes it: added to the folder's
    requirements, or else the curated notebook.

    Raises:
        NotFound: there is no environment or version of that name.
        Refused: a line of the folder's requirements cannot be used.
    """
    if name.strip():
        version = version_get(workspace=workspace, reference=name)
        called, known = name.partition(":")[0].strip(), version.environment.name
        return version, "named by the run" + (f": {called} is {known} here" * (called != known))
    if folder_requirements is None:
        version = version_get(workspace=workspace, reference=NOTEBOOK if is_notebook else MINIMAL)
        why = "no environment was named and the folder has no requirements.txt"
        return version, f"{why}: this one executes notebooks" if is_notebook else why
    if is_notebook:
        version = _folder_version(workspace, f"{folder_requirements}\n\n{_NOTEBOOK_NEEDS}")
        return version, "from the folder's requirements.txt, with papermill for the notebook"
    return _folder_version(workspace, folder_requirements), "from the folder's requirements.txt"


def environment_bootstrap_curated(*, workspace: Workspace) -> None:
    """Register the curated environments that the workspace lacks, and newer versions of them.

    A name that somebody took for an environment of their own stays theirs.
    """
    newest = dict(
        EnvironmentVersion.objects.filter(
            environment__workspace=workspace, environment__origin=Environment.Origin.CURATED
        )
        .order_by("number")
        .values_list("environment__name", "spec_digest")
    )
    specs = [(each, template_spec(each.requirements, each.lock)) for each in templates()]
    lacking = [(each, spec) for each, spec in specs if newest.get(each.name) != spec_digest(spec)]
    if not lacking:
        return
    environments = {known.name: known for known in Environment.objects.filter(workspace=workspace)}
    _register(workspace, [(each, spec) for each, spec in lacking if each.name not in environments])
    for template, spec in lacking:
        known = environments.get(template.name)
        if known and known.origin == Environment.Origin.CURATED:
            _renew(known, template, spec)


@transaction.atomic
def _register(workspace: Workspace, new: list[tuple[Template, Spec]]) -> None:
    """All at once: a workspace gets them in a few statements."""
    environments = Environment.objects.bulk_create(
        Environment(
            workspace=workspace,
            name=template.name,
            origin=Environment.Origin.CURATED,
            description=template.description,
        )
        for template, _ in new
    )
    versions = EnvironmentVersion.objects.bulk_create(
        EnvironmentVersion(
            environment=environment, number=1, spec=spec, spec_digest=spec_digest(spec)
        )
        for environment, (_, spec) in zip(environments, new, strict=True)
    )
    Lock.objects.bulk_create(
        Lock(version=version, text=template.lock, **_lock_place(template))
        for version, (template, _) in zip(versions, new, strict=True)
    )


@transaction.atomic
def _renew(environment: Environment, template: Template, spec: Spec) -> None:
    version = _version_ensure(environment, spec, None)
    Lock.objects.get_or_create(
        version=version, **_lock_place(template), defaults={"text": template.lock}
    )


def _lock_place(template: Template) -> dict[str, str]:
    return {"python_version": template.lock_python, "platform": Lock.ANY_PLATFORM}


def _based(spec: Spec, definition: Definition) -> Definition:
    """What is said, and for the rest what the other environment says."""
    said = {name: value for name, value in definition.items() if value is not None}
    return definition_of(spec, instead=cast("Definition", said))


def _has_conda(workspace: Workspace) -> bool:
    facts = ComputeTarget.objects.filter(workspace=workspace).values_list("facts", flat=True)
    return any(known.get("conda") for known in facts)


def _check_context(workspace: Workspace, spec: Spec) -> None:
    if context := spec.get("context"):
        check: Callable[..., None] = import_string(_CONTEXT_CHECK)
        check(workspace=workspace, digest=context, field="context")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refused(
            f"'{name}' cannot name an environment: begin with a letter or digit, then letters, "
            "digits and - _ . (100 at most).",
            field="name",
        )
    if name.startswith(_FOLDER_PREFIX):
        raise Refused(
            f"'{name}' cannot name an environment: names that begin with {_FOLDER_PREFIX} are "
            "given to those made from a folder's requirements.txt.",
            field="name",
        )


def _folder_version(workspace: Workspace, requirements: str) -> EnvironmentVersion:
    """The environment that is named after what the requirements say."""
    try:
        spec = requirements_spec(requirements)
    except Refused as error:
        raise Refused(
            f"The folder's requirements.txt cannot be used. {error.sentence}", field="environment"
        ) from error
    digest = spec_digest(spec)
    known = EnvironmentVersion.objects.select_related("environment").filter(
        environment__workspace=workspace,
        environment__origin=Environment.Origin.FOLDER,
        spec_digest=digest,
    )
    found = known.order_by(F("archived_at").desc(nulls_first=True), "-number").first()
    if found is None:
        return _folder_register(workspace, spec, f"{_FOLDER_PREFIX}{digest[:8]}")
    if found.environment.archived_at or found.archived_at:
        _restored(found)  # nobody chose it by name: the folder asks for exactly this
    return found


@transaction.atomic
def _restored(version: EnvironmentVersion) -> None:
    Environment.objects.filter(pk=version.environment_id).update(archived_at=None)
    EnvironmentVersion.objects.filter(pk=version.pk).update(archived_at=None)


@transaction.atomic
def _folder_register(workspace: Workspace, spec: Spec, name: str) -> EnvironmentVersion:
    environment, _ = Environment.objects.get_or_create(
        workspace=workspace,
        name=name,
        defaults={
            "origin": Environment.Origin.FOLDER,
            "description": "From the requirements.txt of a submitted folder.",
        },
    )
    return _version_ensure(environment, spec, None)


def _version_ensure(
    environment: Environment, spec: Spec, user: User | None, *, based_on: str = ""
) -> EnvironmentVersion:
    """The newest version in use if it says the same, else the next one; inside a transaction.

    An older version that says the same is not looked for: who goes back to a former
    definition wants it to be the newest.
    """
    Environment.objects.select_for_update().get(pk=environment.pk)
    newest = environment.versions.filter(archived_at=None).first()
    digest = spec_digest(spec)
    if newest is not None and newest.spec_digest == digest:
        return newest
    return EnvironmentVersion.objects.create(
        environment=environment,
        number=version_number(environment=environment),
        spec=spec,
        spec_digest=digest,
        based_on=based_on,
        created_by=user,
    )
