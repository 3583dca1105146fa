"""Where the Redis lives that `manage.py up` starts when none is given."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def embedded_socket(data_dir: Path) -> Path:
    """The unix socket of a data directory's own Redis.

    It lies in a short private folder, because a socket's path may not be longer than
    107 bytes. The name follows from the data directory alone and not from TMPDIR, so every
    process finds it, however it was started.
    """
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path("/tmp") / f"runyard-{os.getuid()}-{name}" / "redis.sock"  # noqa: S108  (the folder is checked to be ours)
