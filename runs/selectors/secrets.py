"""Which secrets of its workspace a run is given, and what has to be hidden of it."""

from __future__ import annotations

from collections.abc import Iterable

from environments.models import EnvironmentVersion
from runs.models import Attempt, Run
from runs.states import Status
from studio.lib.vault import decrypt
from studio.models import Workspace

_WAITING = (Status.QUEUED, Status.PREPARING, Status.STARTING)
_MIN_LINE = 8
"""Shorter lines of a longer value are not hidden by themselves: many are braces."""


def version_secrets(version: EnvironmentVersion) -> list[str]:
    """The secrets that an environment gives to all its runs."""
    return [str(name) for name in version.spec.get("secrets", [])]


def run_secrets(run: Run) -> list[str]:
    """The secrets that a run gets: those of its environment, and those that it names."""
    return sorted({*version_secrets(run.environment_version), *run.secrets})


def attempt_mask(attempt: Attempt) -> list[str]:
    """All that may not reach the log store, for one attempt from its launch to its receipt."""
    own = [decrypt(text) for text in attempt.run.secret_variables.values()]
    given = [decrypt(text) for text in attempt.secret_values.values()]
    return sorted({*own, *given, *_long_lines(given)})


def secret_users(*, workspace: Workspace, name: str) -> tuple[list[int], list[str]]:
    """(runs that have not started, environment versions) that need a secret."""
    versions = EnvironmentVersion.objects.filter(
        environment__workspace=workspace, spec__has_key="secrets"
    ).select_related("environment")
    giving = [version for version in versions if name in version_secrets(version)]
    open_ones = [
        str(version)
        for version in giving
        if version.archived_at is None and version.environment.archived_at is None
    ]
    waiting = Run.objects.filter(workspace=workspace, status__in=_WAITING).order_by("pk")
    ids = {version.pk for version in giving}
    rows = waiting.values_list("pk", "secrets", "environment_version_id")
    return [pk for pk, names, version in rows if name in names or version in ids], open_ones


def _long_lines(values: Iterable[str]) -> set[str]:
    """The lines of values that have several: programs often print them one by one."""
    several = (value.splitlines() for value in values if "\n" in value)
    return {line.strip() for lines in several for line in lines if len(line.strip()) >= _MIN_LINE}
