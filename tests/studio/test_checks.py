"""Unsafe and contradictory settings are named, sound ones are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks

from studio import checks

MOUNTS = """\
overlay / overlay rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/my\\040disk ext4 rw 0 0
"""


def _ids(check: Callable[..., Iterable[CheckMessage]]) -> list[str | None]:
    return [message.id for message in check()]


def test_the_settings_as_they_come_are_sound(db: None) -> None:
    found = run_checks(include_deployment_checks=True)
    assert [message for message in found if not message.is_silenced()] == []


def test_a_data_directory_open_to_all_is_named(data_dir: Path) -> None:
    assert _ids(checks.data_dir_private) == []
    data_dir.chmod(0o755)
    assert _ids(checks.data_dir_private) == ["studio.W001"]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/data", "nfs4"),
        ("/home/my disk/data", "ext4"),
        ("/homeless", "overlay"),
        ("/", "overlay"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(folder: str, kind: str) -> None:
    assert checks.file_system_of(Path(folder), MOUNTS) == kind


def test_sqlite_on_a_network_file_system_is_an_error(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_mounts", lambda: MOUNTS)
    settings.DATA_DIR = Path("/home/data")
    assert _ids(checks.sqlite_on_local_disk) == ["studio.E001"]
    settings.DATA_DIR = Path("/var/data")
    assert _ids(checks.sqlite_on_local_disk) == []


@pytest.mark.parametrize(
    ("host", "secure", "ids"),
    [
        ("127.0.0.1", False, []),
        ("0.0.0.0", True, []),
        ("0.0.0.0", False, ["studio.W002"]),
        ("10.0.0.5", False, ["studio.W002"]),
    ],
)
def test_plain_http_to_others_is_named(
    host: str, secure: bool, ids: list[str], settings: Any
) -> None:
    settings.HOST, settings.SESSION_COOKIE_SECURE = host, secure
    assert _ids(checks.served_over_tls) == ids


def test_a_link_root_around_the_data_directory_is_named(
    settings: Any, data_dir: Path, tmp_path: Path
) -> None:
    settings.LINK_ROOTS = [tmp_path]
    assert _ids(checks.link_roots_apart) == ["studio.W003"]
    settings.LINK_ROOTS = [tmp_path / "scripts"]
    assert _ids(checks.link_roots_apart) == []


def test_a_link_root_that_is_not_there_is_named(settings: Any, tmp_path: Path) -> None:
    settings.LINK_ROOTS = [tmp_path, tmp_path / "missing"]
    assert _ids(checks.link_roots_exist) == ["studio.W004"]


def test_a_local_target_open_to_members_is_named(target: Any) -> None:
    from compute.checks import local_targets_open

    assert _ids(local_targets_open) == ["compute.W001"]
    target.open_to_members = False
    target.save()
    assert _ids(local_targets_open) == []


def test_a_docker_target_without_a_command_that_builds_dockerfiles_is_named(
    target: Any, settings: Any
) -> None:
    from compute.checks import dockerfiles_buildable

    settings.DOCKER_CLI = "/no/docker"
    assert _ids(dockerfiles_buildable) == []
    target.kind, target.name = "docker", "engine"
    target.save()
    (warning,) = dockerfiles_buildable()
    assert warning.id == "compute.W002"
    assert "cannot be built for engine" in warning.msg
    assert "/no/docker is none" in warning.msg
