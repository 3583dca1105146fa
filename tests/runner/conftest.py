from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kept_runner import bring_runner
from tests.runner.builds import UV
from tests.runner.rig import Target


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path) -> Path:
    """The runner stands alone: no setting of the studio is needed to test it."""
    return tmp_path


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    """A root that has the runner already; test_loader.py has it sent."""
    bring_runner(tmp_path / "root")
    target = Target(tmp_path / "root")
    yield target
    target.close()


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a small package, with hashes."""
    folder = tmp_path_factory.mktemp("lock")
    (folder / "requirements.in").write_text("six==1.17.0\n")
    command = [
        UV,
        "pip",
        "compile",
        "--generate-hashes",
        "--quiet",
        "--no-header",
        "requirements.in",
    ]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
