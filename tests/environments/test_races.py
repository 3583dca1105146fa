"""However many ask at the same moment, each thing is made once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.environments import race
from tests.studio_process import migrate_once


def test_what_many_make_at_once_is_made_once(tmp_path: Path) -> None:
    migrate_once(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.environments.race", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env={key: value for key, value in os.environ.items() if key != "DATABASE_URL"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sorted(found["versions"]) == list(range(1, race.THREADS + 1))
    assert set(found["same"]) == {1}
    assert len(set(found["picked"])) == 1
    [build], [newer] = set(found["builds"]), set(found["after_failure"])
    assert len(found["builds"]) == race.ASKERS
    assert newer != build
    assert found["current"] == [newer]
