from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kept_runner import bring_runner
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
