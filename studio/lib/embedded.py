"""Where the Redis lives that `manage.py up` starts when none is given."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def embedded_socket(data_dir: Path) -> Path:
    """The unix socket of a data directory's own Redis.

    It lies in a short private folder, because a socket's path may not be longer than
    107 bytes; the name follows from the data directory, so every process finds it.
    """
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"runyard-{os.getuid()}-{name}" / "redis.sock"
