"""What lies on a target under a path: asked for data that was there before us."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from compute.runner import runner
from tests.runner.rig import Target


def look(target: Target, *paths: Path | str) -> list[dict[str, Any]]:
    answer = target.session().ask("paths", paths=[str(path) for path in paths])
    found: list[dict[str, Any]] = answer["payload"]
    return found


def test_folders_files_and_what_is_neither(target: Target, tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("full")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    names = ("file.csv", "full", "empty", "link", "dangling", "loop", "pipe", "none", "file.csv/x")
    found = look(target, *(tmp_path / name for name in names))
    assert [row["path"] for row in found] == [str(tmp_path / name) for name in names]
    kinds = {name: (row["kind"], row["why"]) for name, row in zip(names, found, strict=True)}
    assert kinds["file.csv"] == ("file", "")
    assert kinds["full"] == kinds["empty"] == kinds["link"] == ("folder", "")
    assert kinds["dangling"] == ("", f"{tmp_path}/dangling is a link that leads nowhere.")
    assert kinds["loop"][1].startswith(f"{tmp_path}/loop cannot be read by ")
    assert kinds["pipe"] == ("", f"{tmp_path}/pipe is neither a folder nor a file.")
    assert kinds["none"] == ("", f"There is no {tmp_path}/none.")
    assert kinds["file.csv/x"] == ("", f"There is no {tmp_path}/file.csv/x.")


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """Root may read everything, so be nobody for a moment."""
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_a_folder_must_be_listed_and_entered(mode: int) -> None:
    with TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        folder = Path(top) / "shut"
        folder.mkdir()
        folder.chmod(mode)
        with without_roots_rights():
            found = runner.describe_path(str(folder))
        folder.chmod(0o755)
    assert found["kind"] == "folder"
    assert found["why"].startswith(f"{folder} cannot be read by ")
    assert found["why"].endswith(": Permission denied.")


def test_a_file_must_be_readable() -> None:
    with TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        file = Path(top) / "shut.csv"
        file.touch(mode=0)
        with without_roots_rights():
            found = runner.describe_path(str(file))
    assert found["kind"] == "file"
    assert found["why"].startswith(f"{file} cannot be read by ")


@pytest.mark.parametrize("paths", [["data/mnist"], "x", [1], ["/a\0b"], None])
def test_what_is_no_list_of_absolute_paths_is_refused(target: Target, paths: Any) -> None:
    assert target.session().ask("paths", paths=paths)["error"]


def test_a_path_that_is_no_utf8_comes_back_as_it_was(target: Target, tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff"
    Path(os.fsdecode(raw)).mkdir()
    (row,) = look(target, os.fsdecode(raw))
    assert (row["path"], row["kind"]) == (os.fsdecode(raw), "folder")


def test_a_mount_that_is_down_holds_nobody_up(target: Target, tmp_path: Path) -> None:
    hangs = "mode = os.stat(path).st_mode; path.endswith('down') and time.sleep(600)"
    target.sabotage("mode = os.stat(path).st_mode", hangs)
    target.sabotage("LOOK_S = 4.0", "LOOK_S = 0.5")
    (tmp_path / "down").mkdir()
    session = target.session()
    answer = session.ask("paths", paths=[str(tmp_path / "down"), str(tmp_path)])
    down, up = answer["payload"]
    assert (down["kind"], up["kind"]) == ("", "folder")
    assert "down does not answer within 0 s: is it on a mount that is down?" in down["why"]
    assert session.ask("ping") == {"ok": True}
    session.stdin.close()
    assert session.process.wait(timeout=10) == 0
