"""What `manage.py up` writes down about itself: one studio a data directory."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from studio.up.process import Identity


@dataclass(frozen=True)
class Record:
    """A studio that runs, or ran: its address here, where it lay, and its processes.

    `pages` are the addresses that people open, best first.
    """

    url: str
    data_dir: str
    supervisor: Identity
    pages: Sequence[str] = ()
    ready: bool = False
    children: Mapping[str, Identity] = field(default_factory=dict)


def read_record(data_dir: Path) -> Record | None:
    """The last record; None when there is none that can be read."""
    try:
        raw = json.loads((data_dir / "up.json").read_text())
        return Record(
            url=raw["url"],
            data_dir=raw["data_dir"],
            supervisor=Identity(**raw["supervisor"]),
            pages=tuple(raw.get("pages", ())),
            ready=raw["ready"],
            children={name: Identity(**who) for name, who in raw["children"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_record(data_dir: Path, record: Record) -> None:
    """Replace the record at once: readers see the old or the new one."""
    write_private(data_dir / "up.json", json.dumps(asdict(record), indent=2))


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def lock_data_dir(data_dir: Path) -> IO[str] | None:
    """Hold the data directory until the file is closed; None when another studio holds it."""
    file = (data_dir / "up.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
