"""Room on the studio's own disk."""

from __future__ import annotations

import shutil

from django.conf import settings

DISK_FLOOR_BYTES = 200 * 1024 * 1024
"""With less than this free on the studio's disk nothing new is started."""


def studio_disk_is_full() -> bool:
    """Whether the studio's disk is too full to take more logs and artifacts."""
    return shutil.disk_usage(settings.DATA_DIR).free < DISK_FLOOR_BYTES
