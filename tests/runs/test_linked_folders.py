"""Which folders of the server may be submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runs.selectors.folders import linked_folder
from studio.lib.refusal import Refused


@pytest.fixture
def root(tmp_path: Path, settings: Any) -> Path:
    """An allowed folder with a project in it, beside the studio's data directory."""
    root = tmp_path / "home"
    (root / "project").mkdir(parents=True)
    settings.LINK_ROOTS = [root]
    settings.DATA_DIR = root / "runyard" / "data"
    (settings.DATA_DIR / "logs").mkdir(parents=True)
    return root


def refused(path: object) -> str:
    with pytest.raises(Refused) as caught:
        linked_folder(str(path))
    assert caught.value.field == "source"
    return caught.value.sentence


def test_a_folder_below_a_root_is_used(root: Path) -> None:
    assert linked_folder(str(root / "project")) == root / "project"


def test_none_is_without_roots(root: Path, settings: Any) -> None:
    settings.LINK_ROOTS = []
    assert "set RUNYARD_LINK_ROOTS" in refused(root / "project")


@pytest.mark.parametrize("inside", ["runyard/data", "runyard/data/logs", "runyard", "."])
def test_the_studios_own_keys_are_not(root: Path, inside: str) -> None:
    assert "own data and keys" in refused(root / inside)


def test_a_link_does_not_lead_out(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (root / "way").symlink_to(tmp_path / "outside")
    assert "outside the allowed folders" in refused(root / "way")
    assert "outside the allowed folders" in refused(root / ".." / "outside")


def test_what_is_no_folder_is_named(root: Path) -> None:
    assert "no folder" in refused(root / "missing")
    assert "not an absolute path" in refused("project")
