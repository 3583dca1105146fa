from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.rig import Target


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    target = Target(tmp_path / "root")
    yield target
    target.close()
