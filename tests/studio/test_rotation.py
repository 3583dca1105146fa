"""A new key for everything that is encrypted, also when the rotation is killed on its way."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from studio.lib import vault
from studio.lib.secret_key import key_from_file, key_renew, older_keys
from studio.models import AuditEvent, Workspace, WorkspaceSecret
from studio.services.rotation import secrets_rotate
from studio.up.record import lock_data_dir
from tests.studio_process import TOP, migrate_once
from tests.waiting import eventually

NEW = "a new key that is longer than fifty characters, as keys should be"
ROWS = 1500


class TestRotating:
    @pytest.fixture
    def kept(self, workspace: Workspace) -> list[WorkspaceSecret]:
        return [
            WorkspaceSecret.objects.create(
                workspace=workspace, name=f"S{n}", value=vault.encrypt(f"value {n}")
            )
            for n in range(3)
        ]

    def test_the_old_key_is_not_needed_afterwards(
        self, kept: list[WorkspaceSecret], settings: Any
    ) -> None:
        old = settings.SECRET_KEY
        assert secrets_rotate(keys=[NEW, old]).renewed == 3
        assert secrets_rotate(keys=[NEW, old]).renewed == 0
        settings.SECRET_KEY = NEW
        values = [vault.decrypt(row.value) for row in WorkspaceSecret.objects.order_by("pk")]
        assert values == ["value 0", "value 1", "value 2"]
        assert AuditEvent.objects.get(action="secrets.rotate").subject == "3 values"

    def test_an_earlier_key_reads_until_then(
        self, kept: list[WorkspaceSecret], settings: Any
    ) -> None:
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = NEW
        assert vault.decrypt(kept[0].value) == "value 0"

    def test_what_no_key_reads_is_named_and_left(
        self, kept: list[WorkspaceSecret], settings: Any
    ) -> None:
        WorkspaceSecret.objects.filter(pk=kept[1].pk).update(value="gAAAAAgarbage")
        done = secrets_rotate(keys=[NEW, settings.SECRET_KEY])
        assert (done.renewed, done.unreadable) == (2, {"studio.WorkspaceSecret": [kept[1].pk]})
        assert WorkspaceSecret.objects.get(pk=kept[1].pk).value == "gAAAAAgarbage"


def test_a_new_key_file_keeps_the_old_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret.key"
    keys = [key_from_file(path)]
    for _ in range(2):
        key_renew(path)
        keys.insert(0, key_from_file(path))
        assert older_keys(path) == keys[1:]
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    assert {file.name for file in path.parent.iterdir()} == {"secret.key", "secret.key.old"}


def _manage(data_dir: Path, *words: str) -> subprocess.Popen[bytes]:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=TOP,
        env=env | {"RUNYARD_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _fill(data_dir: Path, key: str) -> None:
    text = vault.renewed(_encrypted("hush", key), keys=[key])
    with sqlite3.connect(data_dir / "db.sqlite3") as base:
        now = "2026-01-01 00:00:00"
        base.execute(
            "INSERT INTO studio_workspace (id, slug, name, created_at) VALUES (99, 'w', 'w', ?)",
            (now,),
        )
        base.executemany(
            "INSERT INTO runs_gitcredential (workspace_id, name, kind, host, username, secret, "
            "public_key, created_at) VALUES (99, ?, 'token', 'x.org', '', ?, '', ?)",
            [(f"c{n}", text, now) for n in range(ROWS)],
        )
    base.close()


def _encrypted(text: str, key: str) -> str:
    return vault._fernet(key).encrypt(text.encode()).decode()


def _stored(data_dir: Path) -> list[str]:
    base = sqlite3.connect(data_dir / "db.sqlite3", timeout=30)
    try:
        return [row[0] for row in base.execute("SELECT secret FROM runs_gitcredential")]
    finally:
        base.close()


def test_killed_on_its_way_all_stays_readable(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    migrate_once(data_dir)
    path = data_dir / "secret.key"
    old = key_from_file(path)
    _fill(data_dir, old)
    before = set(_stored(data_dir))

    rotating = _manage(data_dir, "rotate_secrets")
    try:
        eventually(lambda: len(set(_stored(data_dir)) - before) > 0, timeout_s=60)
    finally:
        rotating.kill()
        rotating.communicate(timeout=30)
    half = _stored(data_dir)
    assert 0 < sum(text in before for text in half) < ROWS, "it was not killed on its way"
    keys = [key_from_file(path), *older_keys(path)]
    assert keys[1:] == [old]
    assert {vault._readers(keys).decrypt(text.encode()) for text in half} == {b"hush"}

    again = _manage(data_dir, "rotate_secrets")
    said = again.communicate(timeout=120)[0].decode()
    assert again.returncode == 0, said
    assert key_from_file(path) == keys[0] != old
    assert older_keys(path) == []
    done = _stored(data_dir)
    assert {vault._fernet(keys[0]).decrypt(text.encode()) for text in done} == {b"hush"}


def test_a_studio_that_runs_keeps_its_key(
    data_dir: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNYARD_SECRET_KEY")
    settings.DATA_DIR = data_dir
    data_dir.mkdir(exist_ok=True)
    key = key_from_file(data_dir / "secret.key")
    held = lock_data_dir(data_dir)
    assert held is not None
    with held, pytest.raises(CommandError, match=r"stop it with 'manage\.py down'"):
        call_command("rotate_secrets")
    assert (key_from_file(data_dir / "secret.key"), older_keys(data_dir / "secret.key")) == (
        key,
        [],
    )
