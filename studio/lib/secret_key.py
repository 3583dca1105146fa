"""The key of the instance in a file of its own, for those who set none."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def key_from_file(path: Path) -> str:
    """The key in the file, which is made with a new one when it is missing.

    Processes that start at the same time agree on one key: it is written aside and linked
    into place, so the file is never seen half written and the first one wins.

    Raises:
        ImproperlyConfigured: it cannot be made or read, others may read it, or it is missing
            beside a database: a new key could not read what the old one encrypted.
    """
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise ImproperlyConfigured(f"{path} can be read by others: run 'chmod 600 {path}'.")
        key = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"The key file {path} cannot be used ({error.strerror}): set RUNYARD_DATA_DIR to a "
            "folder that you may write to, or set RUNYARD_SECRET_KEY."
        ) from error
    if not key:
        raise ImproperlyConfigured(f"{path} is empty: restore it, or set RUNYARD_SECRET_KEY.")
    return key


def older_keys(path: Path) -> list[str]:
    """The keys that the one in the file has replaced, newest first, while a rotation goes on."""
    file = _older(path)
    return file.read_text().split() if file.exists() else []


def key_renew(path: Path) -> None:
    """Put a new key into the file; the one that was there is kept beside it to read with.

    Nobody may use the file meanwhile. Ended at any point, what was encrypted stays readable.
    """
    keys = dict.fromkeys([key_from_file(path), *older_keys(path)])
    _replace(_older(path), "\n".join(keys))
    _replace(path, secrets.token_urlsafe(50))


def older_keys_forget(path: Path) -> None:
    """Delete the keys that nothing is encrypted with any more."""
    _older(path).unlink(missing_ok=True)


def _older(path: Path) -> Path:
    return path.with_name(f"{path.name}.old")


def _replace(path: Path, text: str) -> None:
    """Put a text into a file that its owner alone may read: all of it, on the disk, or nothing."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _make(path: Path) -> None:
    if (path.parent / "db.sqlite3").exists():
        raise ImproperlyConfigured(
            f"The key file {path} is missing although there is a database: put it back from a "
            "copy, or set RUNYARD_SECRET_KEY. If it is lost, write 60 random characters there: "
            "people sign in again, and stored secrets must be given again."
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        path.hardlink_to(fresh)
    except FileExistsError:
        pass  # another process was first: its key holds
    finally:
        fresh.unlink()
