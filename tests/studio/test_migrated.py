"""Databases that are older or newer than the code."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError
from django.db.migrations.recorder import MigrationRecorder

from studio.migrated import pending_migrations, require_migrated


def test_an_up_to_date_database_passes(db: None) -> None:
    assert pending_migrations() == []
    require_migrated()


def test_an_older_one_is_refused(db: None) -> None:
    MigrationRecorder.Migration.objects.filter(app="sessions").delete()
    assert pending_migrations() == ["sessions.0001_initial"]
    with pytest.raises(CommandError, match="lacks 1 migrations"):
        require_migrated()


def test_a_newer_one_is_refused(db: None) -> None:
    MigrationRecorder.Migration.objects.create(app="studio", name="9999_from_the_future")
    with pytest.raises(CommandError, match=r"newer Runyard \(studio.9999_from_the_future"):
        pending_migrations()


def test_apps_that_are_gone_do_not_matter(db: None) -> None:
    MigrationRecorder.Migration.objects.create(app="retired", name="0001_initial")
    assert pending_migrations() == []
