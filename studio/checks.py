"""Settings that are unsafe or contradict each other; `manage.py check --deploy` names them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NETWORK_FILE_SYSTEMS = {"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3"}


@register(Tags.files)
def data_dir_private(**_: Any) -> Iterable[CheckMessage]:
    """What lies in the data directory signs people in: nobody else may look."""
    folder: Path = settings.DATA_DIR
    if folder.is_dir() and folder.stat().st_mode & 0o007:
        yield Warning(
            f"The data directory {folder} is open to every user of this machine.",
            hint=f"chmod 700 {folder}",
            id="studio.W001",
        )


@register(Tags.files)
def sqlite_on_local_disk(**_: Any) -> Iterable[CheckMessage]:
    """SQLite's locks do not hold on a network file system: writes would be lost in silence."""
    if "sqlite" not in settings.DATABASES["default"]["ENGINE"]:
        return
    kind = file_system_of(settings.DATA_DIR, _mounts())
    if kind in _NETWORK_FILE_SYSTEMS:
        yield Error(
            f"The SQLite database would lie on a network file system ({kind}).",
            hint="Set DATABASE_URL to a PostgreSQL database, or RUNYARD_DATA_DIR to a local disk.",
            id="studio.E001",
        )


@register(Tags.security, deploy=True)
def served_over_tls(**_: Any) -> Iterable[CheckMessage]:
    """Whoever listens on the way reads sign-in links, cookies and tokens sent in the clear."""
    if settings.HOST not in _LOOPBACK and not settings.SESSION_COOKIE_SECURE:
        yield Warning(
            f"The studio listens on {settings.HOST} in plain HTTP.",
            hint="Put a proxy that speaks TLS in front, and set RUNYARD_PUBLIC_URL to its https "
            "address.",
            id="studio.W002",
        )


@register(Tags.security, deploy=True)
def link_roots_apart(**_: Any) -> Iterable[CheckMessage]:
    """A linked folder can be read by those who submit it: it must not hold the studio's key."""
    for root in settings.LINK_ROOTS:
        if settings.DATA_DIR.is_relative_to(root):
            yield Warning(
                f"RUNYARD_LINK_ROOTS allows {root}, which holds the data directory.",
                hint="Name narrower folders, or move the data directory out of it.",
                id="studio.W003",
            )


@register(Tags.files)
def link_roots_exist(**_: Any) -> Iterable[CheckMessage]:
    """A folder that is not there is usually a slip of the pen."""
    for root in settings.LINK_ROOTS:
        if not root.is_dir():
            yield Warning(
                f"RUNYARD_LINK_ROOTS names {root}, which is no folder.",
                hint="Correct the path; several are separated as in PATH.",
                id="studio.W004",
            )


def file_system_of(folder: Path, mounts: str) -> str:
    """The kind of file system that holds the folder, by the text of /proc/mounts."""
    kind, length = "", -1
    for line in mounts.splitlines():
        _, point, found = line.split()[:3]
        point = point.encode().decode("unicode_escape")
        if folder.is_relative_to(point) and len(point) >= length:
            kind, length = found, len(point)
    return kind


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text()
    except OSError:  # not Linux: nothing is known, nothing is claimed
        return ""
