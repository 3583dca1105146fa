"""The settings come from the environment alone, and a wrong value is said in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SHOW = """
import json
from studio import settings
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.isupper()},
                 default=str))
"""


def _read(data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "RUNYARD_DATA_DIR": str(data), **variables}
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def _settings(data: Path, **variables: str) -> dict[str, Any]:
    answer = _read(data, **variables)
    assert answer.returncode == 0, answer.stderr
    loaded: dict[str, Any] = json.loads(answer.stdout)
    return loaded


def test_with_nothing_set_the_studio_is_private_to_this_machine(tmp_path: Path) -> None:
    found = _settings(tmp_path)
    assert found["ALLOWED_HOSTS"] == ["127.0.0.1", "localhost", "[::1]"]
    assert found["DATABASES"]["default"]["NAME"] == str(tmp_path / "db.sqlite3")
    assert found["REDIS_URL"].startswith("unix://")
    assert found["LINK_ROOTS"] == []
    assert (tmp_path / "secret.key").read_text() == found["SECRET_KEY"]


def test_behind_tls_cookies_are_secure_and_the_public_name_is_known(tmp_path: Path) -> None:
    found = _settings(tmp_path, RUNYARD_PUBLIC_URL="https://runs.example.org/")
    assert "runs.example.org" in found["ALLOWED_HOSTS"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://runs.example.org"]
    assert found["SESSION_COOKIE_SECURE"] is found["CSRF_COOKIE_SECURE"] is True
    assert found["SECURE_HSTS_SECONDS"] > 0


def test_open_to_a_network_it_is_found_under_any_name(tmp_path: Path) -> None:
    assert "*" in _settings(tmp_path, RUNYARD_HOST="0.0.0.0")["ALLOWED_HOSTS"]
    named = _settings(tmp_path, RUNYARD_HOST="0.0.0.0", RUNYARD_PUBLIC_URL="http://gpu.lan:8765")
    assert "*" not in named["ALLOWED_HOSTS"]
    assert "gpu.lan" in named["ALLOWED_HOSTS"]


def test_mail_is_off_until_a_server_is_set(tmp_path: Path) -> None:
    off = _settings(tmp_path)
    assert (off["SENDS_EMAIL"], off["WEBHOOK_NETWORKS"]) == (False, [])
    assert off["EMAIL_BACKEND"].endswith("dummy.EmailBackend")
    on = _settings(
        tmp_path,
        RUNYARD_EMAIL_URL="submission://user:w%40rd@mail.example.org",
        RUNYARD_PUBLIC_URL="https://runs.example.org",
        RUNYARD_WEBHOOK_NETWORKS="10.0.0.0/8, 127.0.0.1",
    )
    assert on["SENDS_EMAIL"]
    assert (on["EMAIL_HOST"], on["EMAIL_PORT"]) == ("mail.example.org", 587)
    assert (on["EMAIL_USE_TLS"], on["EMAIL_USE_SSL"]) == (True, False)
    assert (on["EMAIL_HOST_USER"], on["EMAIL_HOST_PASSWORD"]) == ("user", "w@rd")
    assert (on["EMAIL_TIMEOUT"], on["DEFAULT_FROM_EMAIL"]) == (
        10,
        "Runyard <runyard@runs.example.org>",
    )
    assert on["WEBHOOK_NETWORKS"] == ["10.0.0.0/8", "127.0.0.1/32"]
    ssl = _settings(tmp_path, RUNYARD_EMAIL_URL="smtp://mail.example.org:465/?ssl=True")
    assert (ssl["EMAIL_USE_TLS"], ssl["EMAIL_USE_SSL"]) == (False, True)


def test_a_given_key_leaves_no_file(tmp_path: Path) -> None:
    assert _settings(tmp_path, RUNYARD_SECRET_KEY="given")["SECRET_KEY"] == "given"
    assert not (tmp_path / "secret.key").exists()


def test_postgresql_is_taken_from_its_url(tmp_path: Path) -> None:
    database = _settings(tmp_path, DATABASE_URL="postgres://me:pw@db:5433/runs")["DATABASES"]
    assert database["default"]["ENGINE"].endswith("postgresql")
    assert database["default"]["PORT"] == 5433


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNYARD_EMAIL_URL", "smtps://mail.example.org"),
        ("RUNYARD_EMAIL_URL", "smtp://mail.example.org:many"),
        ("RUNYARD_WEBHOOK_NETWORKS", "everything"),
        ("RUNYARD_PORT", "eighty"),
        ("RUNYARD_PORT", "70000"),
        ("RUNYARD_PUBLIC_URL", "runs.example.org"),
        ("RUNYARD_LINK_ROOTS", "here"),
        ("DATABASE_URL", "nonsense"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str, tmp_path: Path) -> None:
    answer = _read(tmp_path, **{name: value})
    assert answer.returncode != 0
    last = answer.stderr.splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert name in last
