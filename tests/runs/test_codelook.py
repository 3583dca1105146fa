"""Looking into scripts: syntax and imports, in bounded time, executing nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from runs.codelook import Look, code_look, script_of
from runs.trees import Tree, tree_of_folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path


def look(folder: Path, start: str, python: tuple[int, ...] = (), **files: str) -> Look:
    for path, text in files.items():
        place = folder / path.replace("__", "/", 1).replace("_py", ".py")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    places = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    found = code_look(start, places, seconds=10, python=python)
    assert found is not None
    return found


def test_imports_are_followed_through_the_tree(tree: Path) -> None:
    (tree / "items").mkdir()
    (tree / "items/__init__.py").write_text("import pandas\n")
    (tree / "items/deep.py").write_text("from . import near\nimport scipy.stats\n")
    (tree / "items/near.py").write_text("import json, xarray\n")
    (tree / "unused.py").write_text("import flask\n")
    code = "import numpy as np\nfrom items import deep\nfrom studio.client import Run\n"
    found = look(tree, "train.py", train_py=code)
    assert {(name, path, line) for name, path, line in found.imports} == {
        ("numpy", "train.py", 1),
        ("pandas", "items/__init__.py", 1),
        ("scipy.stats", "items/deep.py", 2),
        ("xarray", "items/near.py", 1),
    }
    assert (found.looked, found.mistakes, found.unfinished) == (4, [], False)


def test_imports_that_may_fail_are_not_asked_for(tree: Path) -> None:
    code = (
        "try:\n    import torch\nexcept ImportError:\n    torch = None\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import mypy\n"
        "def later():\n    import yaml\n"
    )
    assert [name for name, _, _ in look(tree, "a.py", a_py=code).imports] == ["yaml"]


def test_a_mistake_is_shown_with_a_caret(tree: Path) -> None:
    found = look(tree, "a.py", a_py="x = 1\nif x:\n    print('a' 2)\n")
    (mistake,) = found.mistakes
    assert (mistake.path, mistake.line) == ("a.py", 3)
    first, second = mistake.picture.splitlines()
    assert first == "print('a' 2)"
    assert second.index("^") == first.index("'a'")


@pytest.mark.parametrize("code", ["return 1\n", "def f(:\n", "x = '\\0'\nbreak\n", "\0"])
def test_what_python_would_refuse_is_a_mistake(code: str, tree: Path) -> None:
    assert look(tree, "a.py", a_py=code).mistakes


def test_a_doubtful_escape_is_none(tree: Path) -> None:
    assert look(tree, "a.py", a_py="x = '\\d'\n").mistakes == []


def test_an_older_python_cannot_read_everything(tree: Path) -> None:
    code = "match 1:\n    case 1: pass\n"
    assert look(tree, "a.py", a_py=code).mistakes == []
    assert "3.10" in look(tree, "a.py", (3, 8), a_py=code).mistakes[0].message


def test_cells_of_a_notebook_are_read_without_their_magic(tree: Path) -> None:
    sources = ["%matplotlib inline\nimport numpy", "!ls\nawait x", "%%bash\nif [", ["x = (\n"]]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    cells.append({"cell_type": "markdown", "source": "# x = ("})
    (tree / "a.ipynb").write_text(json.dumps({"cells": cells}))
    found = look(tree, "a.ipynb")
    assert [name for name, _, _ in found.imports] == ["numpy"]
    assert [(m.path, m.line) for m in found.mistakes] == [("a.ipynb, cell 4", 1)]


def test_a_shell_script_is_read_by_its_shell(tree: Path) -> None:
    (tree / "good.sh").write_text("touch executed\n")
    (tree / "bad.sh").write_text("echo a\nfi\n")
    assert not look(tree, "good.sh").mistakes
    (mistake,) = look(tree, "bad.sh").mistakes
    assert (mistake.line, "syntax error near" in mistake.message) == (2, True)
    assert not (tree / "executed").exists()


def test_code_that_breaks_its_reader_breaks_nothing_else(tree: Path) -> None:
    (tree / "a.py").write_text("-" * 1_000_000 + "1")
    began = time.monotonic()
    found = code_look("a.py", {"a.py": tree / "a.py"}, seconds=5)
    assert found is None or found.mistakes
    assert time.monotonic() - began < 6


def test_no_more_time_is_taken_than_was_given(tree: Path) -> None:
    for n in range(400):
        (tree / f"m{n}.py").write_text(f"import m{n + 1}\n" + "x = [1, 2, {3: 4}]\n" * 8000)
    began = time.monotonic()
    found = code_look("m0.py", {p.name: p for p in tree.iterdir()}, seconds=1.0)
    assert found is None or found.unfinished
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("python -u train.py --x 1", "train.py"),
        ("python -m pkg.train", "pkg/train.py"),
        ("python -m pkg", "pkg/__main__.py"),
        ("bash ./go.sh", "go.sh"),
        ("python -c train.py", ""),
        ("torchrun --nproc 2 train.py", "train.py"),
        ("sleep 60", ""),
        ("python -m", ""),
    ],
)
def test_the_script_of_a_command(command: str, script: str) -> None:
    paths = {"train.py": 1, "pkg/train.py": 1, "pkg/__main__.py": 1, "go.sh": 1}
    assert script_of(command.split(), paths) == script


def test_likely_scripts_come_first(tree: Path) -> None:
    for path, text in {
        "util.py": "x = 1",
        "fit.py": "if __name__ == '__main__': pass",
        "deep/train.py": "",
        "train.py": "",
        "test_it.py": "",
        "pkg/__init__.py": "",
        "pkg/__main__.py": "",
        "notes.txt": "",
        ".gitignore": "left.py",
        "left.py": "",
    }.items():
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_text(text)
    found: Tree = tree_of_folder(tree, max_bytes=1000, max_files=100)
    assert found.scripts == ["train.py", "deep/train.py", "fit.py", "util.py", "test_it.py"]
