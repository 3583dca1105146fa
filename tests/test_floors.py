"""Every module imports only from below, and what is sent elsewhere needs Python alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_every_module_imports_only_from_below() -> None:
    answer = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("folder", "own"), [("studio/client", "studio.client"), ("compute/runner", "compute.runner")]
)
def test_what_is_sent_elsewhere_needs_python_alone(folder: str, own: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    foreign = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for name in _imports(file)
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith(own)
    }
    assert not foreign


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: write imports in full"
            yield node.module or ""
