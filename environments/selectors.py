"""Reading environments and builds; callers come with a workspace that they may see."""

from __future__ import annotations

import difflib
import re
from datetime import timedelta

from django.db.models import Count, Exists, Max, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from compute.models import ComputeTarget
from environments.catalog import alias_target, installed_mb, templates
from environments.differences import LockChange, Place, lock_changes
from environments.fit import misfit
from environments.indexes import Index, uv_variables
from environments.lock import lock_pins, pin_name, registry_variables
from environments.models import (
    Build,
    BuildOrder,
    BuiltEnvironment,
    Environment,
    EnvironmentVersion,
    Lock,
    LockUpdate,
    PackageIndex,
)
from environments.modules import distribution_for
from environments.requirements import requirements_read
from studio.lib.refusal import NotFound, Refused
from studio.lib.rows import only
from studio.lib.vault import decrypt
from studio.models import User, Workspace
from studio.selectors import workspaces_of

LATEST = "latest"
"""The label that always means the newest version in use; nobody can move it."""
BUILD_GROUPS = {"live": (Build.Status.QUEUED, Build.Status.RUNNING)}
"""Words for several statuses of builds."""
_LATELY = timedelta(days=1)
_NUMBER = re.compile(r"[1-9]\d{0,8}")


def environment_list(*, workspace: Workspace) -> QuerySet[Environment]:
    """Environments in use, by name."""
    return Environment.objects.filter(workspace=workspace, archived_at=None)


def environments_used(*, workspace: Workspace, is_archived: bool = False) -> QuerySet[Environment]:
    """Those in use by name, each with its newest version, its newest build and its runs.

    With `is_archived` those that are archived instead.
    """
    builds = Build.objects.filter(version__environment=OuterRef("pk")).order_by("-pk")
    newest = EnvironmentVersion.objects.filter(environment=OuterRef("pk"))
    rows = Environment.objects.filter(workspace=workspace, archived_at__isnull=not is_archived)
    return rows.annotate(
        newest=Coalesce(
            Subquery(newest.filter(archived_at=None).values("number")[:1]),
            Subquery(newest.values("number")[:1]),
        ),
        version_count=Count("versions", distinct=True),
        run_count=Count("versions__runs", distinct=True),
        used_at=Max("versions__runs__created_at"),
        build_status=Subquery(builds.values("status")[:1]),
        built_on=Subquery(builds.values("target__name")[:1]),
    ).order_by("name")


def environment_get(*, workspace: Workspace, name: str) -> Environment:
    """The environment of that name, archived or not, or the curated one with it as an alias.

    Raises:
        NotFound: with the names that come near.
    """
    known = Environment.objects.filter(workspace=workspace)
    found = only(known.filter(name=name)) or only(known.filter(name=alias_target(name)))
    if found is None:
        raise NotFound(_unknown(workspace, name), field="environment")
    return found


def version_find(*, workspace: Workspace, reference: str) -> EnvironmentVersion:
    """The version that a reference means, to look at it: it may be archived.

    "name:3" means that number, "name:label" the version with this label, "name" and
    "name:latest" the newest one in use, or the newest of all when none is in use.

    Raises:
        NotFound: there is no such environment, or it has no such version.
    """
    name, _, which = reference.strip().partition(":")
    environment = environment_get(workspace=workspace, name=name.strip())
    versions = environment.versions.select_related("environment")
    if which in {"", LATEST}:
        version = versions.filter(archived_at=None).first() or versions.first()
    elif _NUMBER.fullmatch(which):
        version = only(versions.filter(number=which))
    else:
        version = versions.filter(labels__name=which).first()
    if version is None:
        raise NotFound(_no_version(environment, name.strip(), which), field="environment")
    return version


def version_get(*, workspace: Workspace, reference: str) -> EnvironmentVersion:
    """The version that a reference means, for a new run.

    Raises:
        NotFound: there is no such environment, or it has no such version.
        Refused: it is archived.
    """
    version = version_find(workspace=workspace, reference=reference)
    version_require_use(version=version)
    return version


def version_require_use(*, version: EnvironmentVersion) -> None:
    """Let a version pass that new runs may use.

    Raises:
        Refused: it is archived, alone or with its whole environment.
    """
    environment = version.environment
    if environment.archived_at is not None:
        raise Refused(
            f"The environment {environment} is archived and takes no new runs: restore it, or "
            "choose another one.",
            field="environment",
        )
    if version.archived_at is not None:
        newest = environment.versions.filter(archived_at=None).first()
        instead = f"choose {newest}" if newest else "make a new version"
        raise Refused(
            f"{version} is archived and takes no new runs: restore it, or {instead}.",
            field="environment",
        )


def version_number(*, environment: Environment) -> int:
    """The number of the next version: above all that there are or were."""
    highest = environment.versions.aggregate(Max("number"))["number__max"] or 0
    last = Environment.objects.values_list("last_number", flat=True).get(pk=environment.pk)
    return int(max(highest, last)) + 1


def _no_version(environment: Environment, name: str, which: str) -> str:
    numbers = environment.versions.values_list("number", flat=True)
    newest = f"the newest is {numbers[0]}" if numbers else "it has none"
    if which.isdigit():
        return f"The environment {name} has no version {which}: {newest}."
    labels = [LATEST, *environment.labels.values_list("name", flat=True)]
    return (
        f"The environment {name} has no version or label '{which}': {newest}, and its labels are "
        f"{', '.join(labels)}."
    )


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
        environment_rank(environment=version.environment, packages=len(packages))
        for version in versions
        if distribution in (packages := _packages(version))
    ]
    return distribution, min(ranks)[-1] if ranks else None


def environment_remedy(*, environment: Environment) -> str:
    """Where who ran in an environment adds a package that no environment has."""
    if environment.origin == Environment.Origin.OWN:
        return f"add it to the requirements of {environment.name}, as its next version."
    if environment.origin == Environment.Origin.FOLDER:
        return "add it to the folder's requirements.txt."
    return (
        "put a requirements.txt with it into the folder and name no environment, or make an "
        f"environment of your own from {environment.name}."
    )


def environment_rank(*, environment: Environment, packages: int) -> tuple[str, int, int, str]:
    """Sorts what serves equally well: curated before others, small before large, then by name."""
    name = environment.name
    return environment.origin, installed_mb(name), packages, name


def _packages(version: EnvironmentVersion) -> set[str]:
    """What is known to be in a version: asked for, or in one of its locks."""
    asked = requirements_read(version.spec.get("requirements", ""))
    pinned = [pin for lock in version.locks.all() for pin in lock_pins(lock.text)]
    return {line.name for line in asked} | {pin_name(pin) for pin in pinned}


def version_smoke(version: EnvironmentVersion) -> str:
    """A script that fails when what was built is of no use; "" when nobody wrote one."""
    if version.environment.origin != Environment.Origin.CURATED:
        return ""
    named = [known for known in templates() if known.name == version.environment.name]
    return next((known.smoke.read_text() for known in named), "")


def latest_versions(*, workspace: Workspace) -> QuerySet[EnvironmentVersion]:
    """The newest version of each environment that somebody may name."""
    environments = environment_list(workspace=workspace).exclude(origin=Environment.Origin.FOLDER)
    newest = EnvironmentVersion.objects.filter(
        environment=OuterRef("environment"), archived_at=None
    ).values("number")
    return EnvironmentVersion.objects.filter(
        environment__in=environments.values("pk"), number=Subquery(newest.order_by("-number")[:1])
    )


def version_locks(*, version: EnvironmentVersion) -> dict[Place, str]:
    """The texts of a version's locks by what they are for, the oldest first."""
    locks = version.locks.order_by("pk")
    return {lock.place: lock.text for lock in locks}


def lock_get(*, version: EnvironmentVersion, python_version: str = "", platform: str = "") -> Lock:
    """The version's lock for this Python and platform; without a wish the newest.

    Raises:
        NotFound: it has none, or none for these; the sentence says what there is.
    """
    locks = version.locks.order_by("-pk")
    wanted = {"python_version": python_version, "platform": platform}
    found = locks.filter(**{name: value for name, value in wanted.items() if value}).first()
    if found is not None:
        return found
    places = [str(lock.place) for lock in locks]
    if places:
        raise NotFound(f"{version} has no such lock: there are those for {'; '.join(places)}.")
    raise NotFound(f"{version} has no lock: its packages are resolved when it is first built.")


def update_get(*, user: User, update_id: int) -> LockUpdate:
    """An update of packages in one of the user's workspaces.

    Raises:
        NotFound: there is none, or it is not theirs to see.
    """
    rows = LockUpdate.objects.select_related("version__environment", "created_by", "made")
    mine = workspaces_of(user=user)
    found = rows.filter(pk=update_id, version__environment__workspace__in=mine).first()
    if found is None:
        raise NotFound(f"There is no update {update_id}.")
    return found


def update_changes(*, update: LockUpdate) -> list[LockChange]:
    """What a new version would have otherwise than the one that is brought up to date."""
    new = {Place(lock["python_version"], lock["platform"]): lock["text"] for lock in update.locks}
    return lock_changes(version_locks(version=update.version), new)


def version_misfit(*, version: EnvironmentVersion, target: ComputeTarget) -> str:
    """Why a target cannot have this environment, by what it last told of itself; "" if it can."""
    return misfit(
        version.spec,
        called=str(version),
        target=target.name,
        kind=target.kind,
        facts=target.facts,
    )


def build_get(*, user: User, build_id: int) -> Build:
    """A build in one of the user's workspaces.

    Raises:
        NotFound: there is none, or it is not theirs to see.
    """
    builds = Build.objects.select_related("target", "version__environment")
    build = only(builds.filter(pk=build_id, target__workspace__in=workspaces_of(user=user)))
    if build is None:
        raise NotFound(f"There is no build {build_id}.")
    return build


def build_list(
    *, workspace: Workspace, status: str = "", target: str = "", environment: str = ""
) -> QuerySet[Build]:
    """The builds of a workspace, newest first: those with this status, on this target, of this
    environment ("name" or "name:3"), each only where asked for.
    """
    builds = Build.objects.select_related("target", "version__environment")
    builds = builds.filter(target__workspace=workspace).order_by("-pk")
    if status:
        builds = builds.filter(status__in=BUILD_GROUPS.get(status, (status,)))
    if target:
        builds = builds.filter(target__name=target)
    name, _, number = environment.strip().partition(":")
    if name:
        builds = builds.filter(version__environment__name=name)
    if number:
        builds = builds.filter(version__number=number if _NUMBER.fullmatch(number) else 0)
    return builds


def build_fault(*, build: Build) -> str:
    """Why what it made cannot be used any more, as it was last found; "" when it can."""
    built = BuiltEnvironment.objects.filter(target=build.target_id, key=build.key)
    return built.values_list("fault", flat=True).first() or ""


def order_list(
    *, workspace: Workspace, status: str = "", target: str = "", environment: str = ""
) -> list[BuildOrder]:
    """Orders that no build tells of: those that wait for one, and those that lately failed before.

    The other arguments are those of `build_list`.
    """
    orders = BuildOrder.objects.select_related("target", "version__environment", "user")
    orders = orders.filter(target__workspace=workspace, build=None)
    later = BuildOrder.objects.filter(
        version=OuterRef("version"), target=OuterRef("target"), pk__gt=OuterRef("pk")
    )
    lately = Q(ended_at__gt=timezone.now() - _LATELY) & ~Q(error="") & ~Exists(later)
    orders = orders.filter(Q(ended_at=None) | lately)
    if target:
        orders = orders.filter(target__name=target)
    name, _, number = environment.strip().partition(":")
    if name:
        orders = orders.filter(version__environment__name=name)
    if number:
        orders = orders.filter(version__number=number if _NUMBER.fullmatch(number) else 0)
    wanted = BUILD_GROUPS.get(status, (status,))
    return [order for order in orders if not status or order.status in wanted]


def order_get(*, user: User, order_id: int) -> BuildOrder:
    """An order in one of the user's workspaces.

    Raises:
        NotFound: there is none, or it is not theirs to see.
    """
    orders = BuildOrder.objects.select_related("target", "version__environment", "build")
    order = orders.filter(pk=order_id, target__workspace__in=workspaces_of(user=user)).first()
    if order is None:
        raise NotFound(f"There is no order {order_id}.")
    return order


def index_get(*, workspace: Workspace) -> PackageIndex | None:
    """Where the workspace's packages come from; None for where the studio gets them."""
    return PackageIndex.objects.filter(workspace=workspace).select_related("changed_by").first()


def index_list(*, workspace: Workspace) -> tuple[list[Index], str]:
    """(the indexes with their passwords in the clear, what is trusted beside the usual)."""
    found = index_get(workspace=workspace)
    if found is None:
        return [], ""
    known = {url: decrypt(text) for url, text in found.passwords.items()}
    indexes = [Index(url, found.usernames.get(url, ""), known.get(url, "")) for url in found.urls]
    return indexes, found.authority


def index_variables(workspace: Workspace) -> dict[str, str]:
    """What tells uv where the workspace's packages come from. May hold passwords; {} when nothing
    was set. `index_list` tells what has to be trusted and hidden with it.
    """
    indexes, _ = index_list(workspace=workspace)
    return uv_variables(indexes, registry_variables()) if indexes else {}
