"""Refusing to work on a database that is older or newer than the code."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def pending_migrations() -> list[str]:
    """The migrations that the database still lacks.

    Raises:
        CommandError: it has some that this code does not know.
    """
    executor = MigrationExecutor(connection)
    loader = executor.loader
    unknown = sorted(
        f"{app}.{name}"
        for app, name in loader.applied_migrations.keys() - loader.disk_migrations.keys()
        if app in loader.migrated_apps
    )
    if unknown:
        raise CommandError(
            f"The database was migrated by a newer Runyard ({unknown[-1]} is not known here): "
            "update this checkout, or put a copy from the backups folder in its place."
        )
    plan = executor.migration_plan(loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def require_migrated() -> None:
    """Stop a process that would run on an outdated database.

    Raises:
        CommandError: migrations are pending, or newer ones were applied.
    """
    pending = pending_migrations()
    if pending:
        raise CommandError(
            f"The database lacks {len(pending)} migrations ({pending[0]} and on): run "
            "'manage.py up', or back the database up and run 'manage.py migrate'."
        )
