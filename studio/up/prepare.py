"""Bringing the data directory up to date before anything is served from it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from compute.services import target_bootstrap_local
from environments.services import environment_bootstrap_curated
from studio.migrated import pending_migrations
from studio.models import User, Workspace
from studio.services import instance_key, token_create, token_user, user_bootstrap
from studio.up.record import write_private

_BACKUPS_KEPT = 5


def prepare_database(data_dir: Path) -> Path | None:
    """Migrate when something is pending, after copying the database: the copy's path.

    Only SQLite is copied; a PostgreSQL server has its own backups.
    """
    pending = pending_migrations()
    if not pending:
        return None
    copy = _copy_database(data_dir)
    call_command("migrate", verbosity=0, interactive=False)
    return copy


def prepare_static() -> None:
    """Collect static files for WhiteNoise when some are newer than the last collection."""
    root = Path(settings.STATIC_ROOT)
    stamp = root / "staticfiles.json"
    sources = [path for folder in settings.STATICFILES_DIRS for path in Path(folder).rglob("*")]
    newest = max((path.stat().st_mtime for path in sources), default=0.0)
    if not stamp.exists() or stamp.stat().st_mtime < newest:
        call_command("collectstatic", verbosity=0, interactive=False)


def prepare_owner() -> User:
    """The owner, the first workspace, its local target and the curated environments."""
    owner = user_bootstrap()
    instance_key()
    workspace = Workspace.objects.get(slug="main")
    target_bootstrap_local(workspace=workspace, user=owner)
    environment_bootstrap_curated(workspace=workspace)
    return owner


def prepare_token(data_dir: Path, owner: User, url: str) -> None:
    """Let the command line of this machine in: address and the owner's token, for him alone."""
    path = data_dir / "owner.json"
    try:
        token = json.loads(path.read_text())["token"]
    except (OSError, ValueError, KeyError):
        token = ""
    if not token or token_user(token=token) is None:
        token = token_create(user=owner, name="command line on this machine")
    write_private(path, json.dumps({"url": url, "token": token}))


def _copy_database(data_dir: Path) -> Path | None:
    if connection.vendor != "sqlite" or not connection.introspection.table_names():
        return None
    folder = data_dir / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"db-{datetime.now(UTC):%Y%m%d-%H%M%S}.sqlite3"
    with (
        closing(sqlite3.connect(data_dir / "db.sqlite3")) as source,
        closing(sqlite3.connect(path)) as copy,
    ):
        source.backup(copy)
    for old in sorted(folder.glob("db-*.sqlite3"))[:-_BACKUPS_KEPT]:
        old.unlink()
    return path
