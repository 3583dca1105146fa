"""Reading environments and builds; callers come with a workspace that they may see."""

from __future__ import annotations

import difflib
import re

from django.db.models import Count, Max, OuterRef, Prefetch, QuerySet, Subquery

from environments.catalog import alias_target
from environments.lock import lock_pins, pin_name
from environments.models import Build, Environment, EnvironmentVersion, Lock
from environments.modules import distribution_for
from environments.requirements import requirements_read
from studio.lib.refusal import NotFound
from studio.models import User, Workspace
from studio.selectors import workspaces_of

_REFERENCE = re.compile(r"(?P<name>[^:]+?)(?::(?P<number>[1-9]\d{0,8}))?")


def environment_list(*, workspace: Workspace) -> QuerySet[Environment]:
    """Environments in use, by name."""
    return Environment.objects.filter(workspace=workspace, archived_at=None)


def environments_used(*, workspace: Workspace) -> QuerySet[Environment]:
    """Those in use by name, each with its newest version, its newest build and its runs."""
    builds = Build.objects.filter(version__environment=OuterRef("pk")).order_by("-pk")
    rows = environment_list(workspace=workspace).annotate(
        newest=Max("versions__number"),
        run_count=Count("versions__runs"),
        build_status=Subquery(builds.values("status")[:1]),
        built_on=Subquery(builds.values("target__name")[:1]),
    )
    return rows.order_by("name")


def environment_get(*, workspace: Workspace, name: str) -> Environment:
    """The environment of that name, or the curated one that has it as an alias.

    Raises:
        NotFound: with the names that come near.
    """
    known = environment_list(workspace=workspace)
    found = known.filter(name=name).first() or known.filter(name=alias_target(name)).first()
    if found is None:
        raise NotFound(_unknown(workspace, name), field="environment")
    return found


def version_get(*, workspace: Workspace, reference: str) -> EnvironmentVersion:
    """The version that "name:3" means, or the newest one that "name" means.

    Raises:
        NotFound: there is no such environment, or it has no such version.
    """
    parts = _REFERENCE.fullmatch(reference.strip())
    name, number = (parts["name"], parts["number"]) if parts else (reference, None)
    environment = environment_get(workspace=workspace, name=name)
    versions = environment.versions.select_related("environment")
    version = (versions.filter(number=number) if number else versions).first()
    if version is None:
        newest = versions[0].number
        raise NotFound(
            f"The environment {name} has no version {number}: the newest is {newest}.",
            field="environment",
        )
    return version


def _unknown(workspace: Workspace, name: str) -> str:
    names = list(
        environment_list(workspace=workspace)
        .exclude(origin=Environment.Origin.FOLDER)
        .values_list("name", flat=True)
    )
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near += [other for other in names if name.lower() in other.lower() and other not in near][:3]
    if near:
        return f"There is no environment '{name}': did you mean {' or '.join(near)}?"
    return f"There is no environment '{name}': there are {', '.join(names[:10]) or 'none yet'}."


def module_advice(*, workspace: Workspace, missing: str) -> tuple[str, str | None]:
    """What to install for a module that cannot be imported, and an environment that has it.

    Curated environments come before others, small ones before large ones; None when no
    environment has it.
    """
    distribution = distribution_for(missing)
    with_it = Prefetch("locks", Lock.objects.filter(text__contains=distribution))
    versions = (
        latest_versions(workspace=workspace).select_related("environment").prefetch_related(with_it)
    )
    ranks = [
        (version.environment.origin, len(packages), version.environment.name)
        for version in versions
        if distribution in (packages := _packages(version))
    ]
    return distribution, min(ranks)[2] if ranks else None


def _packages(version: EnvironmentVersion) -> set[str]:
    """What is known to be in a version: asked for, or in one of its locks."""
    asked = requirements_read(version.spec.get("requirements", ""))
    pinned = [pin for lock in version.locks.all() for pin in lock_pins(lock.text)]
    return {line.name for line in asked} | {pin_name(pin) for pin in pinned}


def latest_versions(*, workspace: Workspace) -> QuerySet[EnvironmentVersion]:
    """The newest version of each environment that somebody may name."""
    environments = environment_list(workspace=workspace).exclude(origin=Environment.Origin.FOLDER)
    newest = EnvironmentVersion.objects.filter(environment=OuterRef("environment")).values("number")
    return EnvironmentVersion.objects.filter(
        environment__in=environments.values("pk"), number=Subquery(newest.order_by("-number")[:1])
    )


def build_get(*, user: User, build_id: int) -> Build:
    """A build in one of the user's workspaces.

    Raises:
        NotFound: there is none, or it is not theirs to see.
    """
    builds = Build.objects.select_related("target", "version__environment")
    build = builds.filter(pk=build_id, target__workspace__in=workspaces_of(user=user)).first()
    if build is None:
        raise NotFound(f"There is no build {build_id}.")
    return build


def build_list(*, workspace: Workspace) -> QuerySet[Build]:
    """All builds of a workspace, newest first."""
    return Build.objects.select_related("target", "version__environment").filter(
        target__workspace=workspace
    )
