"""The files of others that we serve are exactly those that were written down."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "static" / "vendor"


def test_every_vendored_file_has_the_hash_of_its_row() -> None:
    text = (FOLDER / "VENDORED.md").read_text()
    written = dict(re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", text, flags=re.MULTILINE))
    served = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.iterdir()
        if path.suffix in {".js", ".css"}
    }
    assert served
    assert served == written


def test_every_vendored_file_comes_with_its_licence() -> None:
    text = (FOLDER / "VENDORED.md").read_text()
    licences = re.findall(r"\((\S+LICENSE\S*)\)", text)
    assert licences
    assert all((FOLDER / name).stat().st_size for name in licences)
