"""A secret of the workspace in a real run: there as a variable, and nowhere else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.studio_process import Studio

HERE = ("--environment", "here")
VALUE = "correct-horse-battery-staple"


def test_a_secret_reaches_the_command_and_nothing_else(studio: Studio, folder: Path) -> None:
    (folder / "leak.py").write_text(
        "import os, sys\n"
        "value = os.environ['HUB_TOKEN']\n"
        "os.makedirs('logs', exist_ok=True)\n"
        "for each in (value, value[:9]):\n"
        "    sys.stdout.write(each); sys.stdout.flush()\n"
        "sys.stdout.write(value[9:] + '\\n')\n"  # in two writes
        "print(len(value), file=sys.stderr)\n"
    )
    kept = studio.cli("secret", "set", "HUB_TOKEN", stdin=f"{VALUE}\n".encode())
    assert kept.stdout.decode() == "kept HUB_TOKEN\n"
    run = studio.submit(folder, *HERE, "--secret", "HUB_TOKEN", "leak.py")
    ended = studio.finished(run)
    stars = b"*" * len(VALUE)
    assert studio.log(run) == stars + stars + b"\n" + str(len(VALUE)).encode() + b"\n"
    assert ended["receipt"]["complete"]
    assert ended["secrets"] == ["HUB_TOKEN"]
    assert VALUE not in json.dumps(ended)
    found = subprocess.run(
        ["grep", "-rlaF", VALUE, str(studio.data_dir)], capture_output=True, check=False
    )
    # what the command itself wrote stays in its own folder on the target
    assert [p for p in found.stdout.decode().split() if not p.endswith("/run.log")] == []
    assert "HUB_TOKEN" in studio.cli("secrets").stdout.decode()
    assert studio.cli("secret", "delete", "HUB_TOKEN").code == 0
    missing = studio.cli("submit", "--secret", "HUB_TOKEN", "--source", str(folder), "leak.py")
    assert (missing.code, b"no secret 'HUB_TOKEN'" in missing.stderr) == (1, True)
