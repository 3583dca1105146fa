"""Whether a data directory is whole and lies where it was made."""

from __future__ import annotations

from pathlib import Path

from studio.up.record import read_record

_HELD_BY_ROWS = ("logs", "blobs", "targets")


class NotIntact(Exception):
    """The data directory cannot be used as it is; the sentence says what to do."""


def require_intact(data_dir: Path, database: Path | None) -> None:
    """Refuse what would go wrong later and more quietly.

    `database` is where an SQLite database belongs; None when it is elsewhere.

    Raises:
        NotIntact: the directory was moved or copied, or lacks its database.
    """
    record = read_record(data_dir)
    if record is not None and not _same(Path(record.data_dir), data_dir):
        raise NotIntact(
            f"The data directory {data_dir} was made at {record.data_dir}; environments and runs "
            "on this machine hold that path. Move it back, or leave a link there: "
            f"ln -s {data_dir} {record.data_dir}"
        )
    if database is None or database.exists():
        return
    orphans = [name for name in _HELD_BY_ROWS if _has_something(data_dir / name)]
    if orphans:
        raise NotIntact(
            f"{data_dir} has {' and '.join(orphans)} of earlier runs but no database "
            f"{database.name}: put it back (copies lie in {data_dir / 'backups'}), or set "
            "RUNYARD_DATA_DIR to an empty folder."
        )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _has_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
