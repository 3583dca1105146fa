"""A script directory with a bit of everything, and what its tests share."""

from __future__ import annotations

import hashlib
from pathlib import Path

LIMITS = {"max_bytes": 1 << 20, "max_files": 100}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def one_sentence(error: Exception) -> str:
    sentence = str(error)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def make_source(top: Path) -> Path:
    """Eight entries that are kept, and five files that are not."""
    (top / "pkg").mkdir(parents=True)
    (top / "train.py").write_text("print(1)\n")
    (top / "run.sh").write_text("exit\n")
    (top / "run.sh").chmod(0o755)
    (top / "pkg/model é.py").write_text("x = 1\n")
    (top / "pkg/empty").touch()
    (top / "latest").symlink_to("pkg/model é.py")
    (top / ".gitignore").write_text("*.log\n/scratch/\n!keep.log\n")
    (top / "pkg/.gitignore").write_text("*.tmp\n")
    for ignored in ("x.log", "scratch/a.py", "pkg/x.tmp", "__pycache__/m.pyc", "env/pyvenv.cfg"):
        (top / ignored).parent.mkdir(exist_ok=True)
        (top / ignored).write_text("no")
    (top / "keep.log").write_text("yes")
    return top
