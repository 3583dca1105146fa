"""What goes along with every run, used the way a script uses it: by a Python of its own."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from environments.clientpackage import client_package


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for path, text in client_package():
        file = tmp_path / "lib" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "lib"


def run(script: str, library: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": str(library), **variables},
        cwd=library.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def points(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_value_becomes_one_line_of_the_metrics_file(library: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    done = run(
        "from studio.client import Run\n"
        "run = Run.get_context()\n"
        "run.log('r2', 0.5, step=3)\n"
        "run.log('note', 'grün\\n')\n"
        "run.log('loss', float('nan'))\n"
        "class Tensor:\n"
        "    def __float__(self): return 0.25\n"
        "run.log('t', Tensor(), step=Tensor())\n"
        "run.log('odd', [1])\n"
        "print(run.id)\n",
        library,
        RUNYARD_METRICS=str(metrics),
        RUNYARD_RUN="42",
    )
    assert (done.stdout, done.stderr) == ("42\n", "")
    found = points(metrics)
    assert [(p["n"], p["v"], p["s"]) for p in found if p["n"] != "loss"] == [
        ("r2", 0.5, 3),
        ("note", "grün\n", None),
        ("t", 0.25, 0.25),
        ("odd", "[1]", None),
    ]
    assert found[2]["v"] != found[2]["v"], "not a number is a value too"
    times = [p["t"] for p in found]
    assert times == sorted(times)


def test_only_what_a_script_needs_goes_along(library: Path) -> None:
    done = run("from studio.client import Run, Workspace", library)
    assert done.returncode == 1
    said = "ImportError: Inside a run studio.client has only Run: submit from outside of it."
    assert done.stderr.splitlines()[-1] == said


def test_outside_of_a_run_values_are_printed(library: Path) -> None:
    done = run(
        "from studio.client import Run; run = Run.get_context(); print([run.id]);"
        "run.log('r2', 0.5, step=3); run.log('note', 'x')",
        library,
    )
    assert done.stdout == "['']\nrunyard: r2 = 0.5 (step 3)\nrunyard: note = x\n"


def test_many_writers_never_mix_their_lines(library: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    done = run(
        "import os\n"
        "from studio.client import Run\n"
        "children = []\n"
        "for child in range(4):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        for step in range(500): Run.get_context().log(str(child), 'x' * 2000, step)\n"
        "        os._exit(0)\n"
        "    children.append(pid)\n"
        "for pid in children: os.waitpid(pid, 0)\n",
        library,
        RUNYARD_METRICS=str(metrics),
    )
    assert done.returncode == 0, done.stderr
    assert sorted((p["n"], p["s"]) for p in points(metrics)) == [
        (str(child), step) for child in range(4) for step in range(500)
    ]


def test_a_metrics_file_that_cannot_be_written_does_not_end_the_training(
    library: Path, tmp_path: Path
) -> None:
    done = run(
        "from studio.client import Run; run = Run.get_context();"
        "run.log('r2', 1); run.log('r2', 2); print('trained')",
        library,
        RUNYARD_METRICS=str(tmp_path / "gone" / "metrics.jsonl"),
    )
    assert done.stdout == "trained\n"
    assert done.stderr.count("runyard: metrics cannot be written") == 1


def test_the_package_stands_alone_and_runs_under_old_pythons() -> None:
    for _, text in client_package():
        ast.parse(text, feature_version=(3, 6))
        imports = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
        assert set(imports) <= {
            "import json",
            "import os",
            "import sys",
            "import time",
            "from studio.client.run_context import Run",
        }
