"""Script directories on their whole way: the same from every door, and byte by byte."""

from __future__ import annotations

import json
import os
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest

from studio.client.folder import digest, scan
from tests.studio_process import Studio

HERE = ("--environment", "here")
ODD = (
    "two words", " lead", "trail ", "-dash", "--flag", "$HOME", "a;b", "quo'te", 'dou"ble',
    "back\\slash", "*", "?", "[a]", "#hash", "!bang", "~", "Case", "case", "con", "dot.", "n" * 255,
    "<b>", "100%", "a=b", "{{ x }}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    unicodedata.normalize("NFD", "caf\N{LATIN SMALL LETTER E WITH ACUTE} apart"), "\N{ROCKET}",
    "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe", "\N{NO-BREAK SPACE}", "\x85next",
)  # fmt: skip
LOOK = """
import os, sys
for name in sorted(os.listdir(b"odd")):
    with open(os.path.join(b"odd", name), "rb") as file:
        assert file.read() == name, name
    print(name.hex())
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_odd_names_arrive_as_they_were(studio: Studio, folder: Path) -> None:
    (folder / "odd").mkdir()
    for name in ODD:
        (folder / "odd" / name).write_bytes(name.encode())
    (folder / "look.py").write_text(LOOK)
    run = studio.submit(folder, *HERE, "look.py")
    assert studio.finished(run)["status"] == "completed", studio.log(run)
    arrived = [bytes.fromhex(line.decode()) for line in studio.log(run).splitlines()]
    assert arrived == sorted(name.encode() for name in ODD)


@pytest.mark.parametrize(
    ("name", "words"),
    [(b"a\nb", "contains a line break"), (b"a\xff", "is not UTF-8"), (b"\x1b[31m", "control")],
)
def test_names_that_no_list_can_carry_are_refused(
    studio: Studio, folder: Path, name: bytes, words: str
) -> None:
    (folder / "train.py").write_text("print(1)\n")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).touch()
    before = studio.api("/runs")["total"]
    answer = studio.cli("submit", "--source", str(folder), *HERE, "train.py")
    said = answer.stderr.decode()
    assert (answer.code, words in said, said.count("\n")) == (1, True, 1)
    assert "\x1b" not in said
    (folder / ".gitignore").write_text("a*\n*31m\n")
    run = studio.submit(folder, *HERE, "train.py")
    assert studio.finished(run)["status"] == "completed"
    assert studio.api("/runs")["total"] == before + 1


def test_a_named_pipe_is_a_sentence(studio: Studio, folder: Path) -> None:
    (folder / "train.py").write_text("print(1)\n")
    os.mkfifo(folder / "pipe")
    answer = studio.cli("submit", "--source", str(folder), *HERE, "train.py")
    assert answer.code == 1
    assert b"'pipe' is a named pipe, and only files, folders and links can be kept" in answer.stderr


def test_the_same_files_are_the_same_snapshot_from_every_door(
    studio: Studio, folder: Path, tmp_path: Path, cache: None
) -> None:
    (folder / "items").mkdir()
    (folder / "items/deep.py").write_text("x = 1\n")
    (folder / "train.py").write_text("open('outputs/out.txt', 'w').write('made')\n")
    (folder / "run.sh").write_text("exit\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "latest").symlink_to("items/deep.py")
    (folder / "x.log").write_text("no")
    (folder / ".gitignore").write_text("*.log\n")
    with tarfile.open(tmp_path / "p.tar.gz", "w:gz") as archive:
        archive.add(folder, "project")
    with tarfile.open(tmp_path / "p.tar", "w") as archive:
        archive.add(folder, ".")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as packed:
        for path in sorted(folder.rglob("*")):
            info = zipfile.ZipInfo(f"project/{path.relative_to(folder)}")
            mode = 0o120777 if path.is_symlink() else path.stat().st_mode
            info.create_system, info.external_attr = 3, mode << 16
            if path.is_symlink():
                packed.writestr(info, str(path.readlink()))
            elif path.is_file():
                packed.writestr(info, path.read_bytes())
    linked = {"source": {"folder": str(folder)}, "script": "train.py", "environment": "here"}
    runs = {
        "command line": studio.submit(folder, *HERE, "--save-as", "doors", "train.py"),
        "zip": studio.submit_zip(tmp_path / "p.zip", "train.py", "here"),
        "tar": studio.submit_zip(tmp_path / "p.tar", "train.py", "here"),
        "tar.gz": studio.submit_zip(tmp_path / "p.tar.gz", "train.py", "here"),
        "folder": studio.api("/runs", linked)["id"],
        "saved": studio.api("/runs", {**linked, "source": {"saved": "doors"}})["id"],
    }
    runs["again"] = studio.api(f"/runs/{runs['zip']}/again", {})["id"]
    expected = digest(scan(folder))
    for door, run in runs.items():
        ended = studio.finished(run)
        assert (ended["status"], ended["snapshot"]) == ("completed", expected), door
        artifacts = studio.api(f"/runs/{run}/artifacts")
        assert [(a["path"], a["size"]) for a in artifacts] == [("outputs/out.txt", 4)], door
    told = studio.cli("submit", "--dry-run", "--json", "--source", str(folder))
    assert json.loads(told.stdout)["snapshot"] == expected
