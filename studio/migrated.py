"""Refusing to work on a database that is older than the code."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def pending_migrations() -> list[str]:
    """The migrations that the database still lacks."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def require_migrated() -> None:
    """Stop a process that would run on an outdated database.

    Raises:
        CommandError: migrations are pending.
    """
    pending = pending_migrations()
    if pending:
        raise CommandError(
            f"The database lacks {len(pending)} migrations ({pending[0]} and on): run "
            "'manage.py up', or back the database up and run 'manage.py migrate'."
        )
