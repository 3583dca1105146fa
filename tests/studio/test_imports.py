"""What a process of the studio loads before it does anything: others wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.studio_process import TOP

_LOOK = (
    "import django, sys; django.setup(); import environments.jobs, runs.jobs, runs.monitor; "
    "from django.db.migrations.loader import MigrationLoader; MigrationLoader(None); "
    "print(*{'docker', 'requests', 'git', 'numpy', 'pygments', 'cryptography.x509', 'croniter', "
    "'studio.urls', 'studio.admin', 'runs.admin', 'django_rq.admin'} & sys.modules.keys())"
)


def test_what_few_need_is_loaded_by_those_few(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK],
        cwd=TOP,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "studio.settings",
            "RUNYARD_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
