"""The command starts quickly because it imports little."""

from __future__ import annotations

import subprocess
import sys

DEAR = (
    "asyncio", "dataclasses", "datetime", "django", "email", "http.client", "importlib.metadata",
    "inspect", "pathlib", "shutil", "ssl", "tempfile", "typing", "urllib.parse", "urllib.request",
)  # fmt: skip
"""Each of these costs 5 to 60 ms."""


def test_submitting_imports_nothing_dear() -> None:
    needed = ("command", "submit", "gitreader", "follow", "login", "upload")
    imports = ", ".join(f"studio.client.{name}" for name in needed)
    code = (
        f"import sys; known = set(sys.modules); import {imports}; "
        "studio.client.submit._parser().parse(['--env', 'A=1']); "
        "print(*set(sys.modules) - known)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "studio.client.upload" in loaded
    assert loaded.isdisjoint(DEAR)


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from studio.client.command import main; main(['--help']); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"argparse", "socket", "studio.client.submit"}.isdisjoint(done.stderr.split())
