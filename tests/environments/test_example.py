"""The ready example, with the curated environment that it names."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from environments.catalog import Template, templates
from environments.clientpackage import client_package

EXAMPLE = Path(settings.BASE_DIR) / "runs" / "examples" / "ridge-diabetes"


@pytest.fixture
def python(curated_python: Callable[[Template], Path]) -> Path:
    """A Python with the packages of the curated environment that the example names."""
    return curated_python(next(t for t in templates() if t.name == "scikit-learn"))


def train(python: Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        [python, EXAMPLE / "train.py", "--alphas", "4", "--repeats", "1"],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_logs_each_alpha_and_leaves_its_outputs(python: Path, tmp_path: Path) -> None:
    for path, text in client_package():
        file = tmp_path / "lib" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    metrics = tmp_path / "metrics.jsonl"
    said = train(python, tmp_path, PYTHONPATH=str(tmp_path / "lib"), RUNYARD_METRICS=str(metrics))
    assert said.count("R²") == 5
    logged = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [p["s"] for p in logged if p["n"] == "r2"] == [0, 1, 2, 3]
    assert all(-1 < p["v"] < 1 for p in logged if p["n"] == "r2")

    outputs = tmp_path / "outputs"
    assert {path.name for path in outputs.iterdir()} == {
        "model.pkl",
        "metrics.json",
        "predictions.csv",
    }
    with (outputs / "predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 89
    best = json.loads((outputs / "metrics.json").read_text())["best_alpha"]
    loaded = f"import joblib; print(joblib.load({str(outputs / 'model.pkl')!r})[-1].alpha)"
    answer = subprocess.run(
        [python, "-c", loaded], check=True, capture_output=True, text=True, timeout=60
    )
    assert float(answer.stdout) == best


def test_it_runs_by_itself(python: Path, tmp_path: Path) -> None:
    assert "best alpha" in train(python, tmp_path)


def test_it_names_its_environment() -> None:
    assert not (EXAMPLE / "requirements.txt").exists()
    assert "--environment scikit-learn" in (EXAMPLE / "README.md").read_text()
