"""Resolving a version once for each Python and platform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction

from environments.indexes import uv_variables
from environments.interpreter import Interpreter
from environments.lock import lock_resolve, registry_variables
from environments.models import EnvironmentVersion, Lock
from environments.selectors import index_list


def lock_ensure(
    *,
    version: EnvironmentVersion,
    interpreter: Interpreter,
    may_build: bool,
    while_waiting: Callable[[], None],
) -> Lock:
    """The lock of a version for this Python and platform; resolved on first need, then kept.

    May take as long as a resolution does, so it belongs into a worker. Whoever else
    resolves the same at the same time ends up with the same lock. `while_waiting` is called
    every few seconds of it.

    Raises:
        LockFailed: there is no way to resolve it.
    """
    known = _lock_known(version, interpreter)
    if known is not None:
        return known
    text = lock_text(
        version=version,
        interpreter=interpreter,
        may_build=may_build,
        while_waiting=while_waiting,
    )
    wanted = {
        "version": version,
        "python_version": interpreter.minor_version,
        "platform": interpreter.platform,
    }
    try:
        with transaction.atomic():
            return Lock.objects.create(**wanted, text=text)
    except IntegrityError:
        return Lock.objects.get(**wanted)


def lock_text(
    *,
    version: EnvironmentVersion,
    interpreter: Interpreter,
    may_build: bool,
    while_waiting: Callable[[], None],
) -> str:
    """What the packages of a version resolve to now; nothing is kept of it.

    Raises:
        LockFailed: there is no way to resolve them.
    """
    indexes, authority = index_list(workspace=version.environment.workspace)
    return lock_resolve(
        version.spec["requirements"],
        interpreter,
        may_build=may_build,
        cache=Path(settings.DATA_DIR) / "uv-cache",
        while_waiting=while_waiting,
        registry=uv_variables(indexes, registry_variables()) if indexes else None,
        authority=authority,
    )


def _lock_known(version: EnvironmentVersion, interpreter: Interpreter) -> Lock | None:
    """One made for exactly this Python and platform, else a universal one that covers it."""
    here = interpreter.minor_version
    universal = None
    for lock in Lock.objects.filter(version=version):
        if (lock.python_version, lock.platform) == (here, interpreter.platform):
            return lock
        if lock.platform == Lock.ANY_PLATFORM and _numbers(lock.python_version) <= _numbers(here):
            universal = lock
    return universal


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
