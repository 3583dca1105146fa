"""Bringing the data directory up to date before anything is served from it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection

from compute.services import target_bootstrap_local
from environments.services import environment_bootstrap_curated
from studio.lib.lean import speakers
from studio.migrated import pending_migrations
from studio.models import User, Workspace
from studio.services import instance_key, token_create, token_use, user_bootstrap
from studio.up.record import write_private

_BACKUPS_KEPT = 5


def prepare_database(data_dir: Path) -> Path | None:
    """Migrate when something is pending, after copying the database: the copy's path.

    Only SQLite is copied; a PostgreSQL server has its own backups.
    """
    if not pending_migrations():
        return None
    copy = _copy_database(data_dir / "backups")
    call_command("migrate", verbosity=0, interactive=False)
    return copy


def prepare_static() -> None:
    """Collect static files for WhiteNoise when they differ from those collected last."""
    root = Path(settings.STATIC_ROOT)
    collected, wanted = root / ".collected", _static_fingerprint()
    if _text_of(collected) == wanted:
        return
    root.mkdir(exist_ok=True)
    with (root / ".lock").open("w") as lock:  # studios of one checkout share the folder
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _text_of(collected) != wanted:
            call_command("collectstatic", verbosity=0, interactive=False)
            collected.write_text(wanted)


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
    except (OSError, ValueError, KeyError, TypeError):
        token = ""
    if not token or token_use(secret=token) is None:
        token = token_create(user=owner, name="command line on this machine")
    write_private(path, json.dumps({"url": url, "token": token}))


def _copy_database(folder: Path) -> Path | None:
    if connection.vendor != "sqlite" or not connection.introspection.table_names():
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"db-{datetime.now(UTC):%Y%m%d-%H%M%S}.sqlite3"
    partial = path.with_suffix(".partial")
    with (
        closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as source,
        closing(sqlite3.connect(partial)) as copy,
    ):
        source.backup(copy)
    partial.chmod(0o600)
    partial.replace(path)
    for old in sorted(folder.glob("db-*.sqlite3"))[:-_BACKUPS_KEPT]:
        old.unlink()
    return path


def _static_fingerprint() -> str:
    """Changes when a static file of ours or of a package does, or what decides on their rest."""
    found = [storage.path(name) for finder in get_finders() for name, storage in finder.list([])]
    facts = hashlib.sha256()
    for path in [*found, *speakers(settings.BASE_DIR)]:
        file = Path(path).stat()
        facts.update(f"{path}\0{file.st_size}\0{file.st_mtime_ns}\n".encode())
    return facts.hexdigest()


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
