"""Notebooks and the client on a real studio: executed, kept, and the same as every other door."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.end_to_end.conftest import EXAMPLE
from tests.studio_process import TOP, Studio
from tests.waiting import eventually

FIVE_STEPS = EXAMPLE.parent / "five-steps.ipynb"
BUILT_S = 240
"""How long a run may take that has to build its environment first."""

PYTHON = "import sys\nprint('python is', sys.executable)\n"


def notebook(path: Path, *cells: str) -> None:
    """A notebook whose first cell is tagged as its parameters."""
    made: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {"tags": [] if number else ["parameters"]},
            "outputs": [],
            "source": text,
        }
        for number, text in enumerate(cells)
    ]
    kernel = {"name": "some-other-machines", "display_name": "x", "language": "python"}
    whole = {
        "cells": made,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    path.write_text(json.dumps(whole))


def artifacts(studio: Studio, run: int | str) -> dict[str, str]:
    """Path and hash of what a run left."""
    return {a["path"]: a["sha"] for a in studio.api(f"/runs/{run}/artifacts")}


def kept(studio: Studio, run: int, path: str, into: Path) -> Any:
    """An executed notebook, fetched from its run."""
    answer = studio.cli("download", str(run), path, "-o", str(into))
    assert answer.code == 0, answer.stderr
    return json.loads(into.read_text())


def test_a_notebook_is_executed_with_its_parameters_and_kept(
    studio: Studio, folder: Path, tmp_path: Path
) -> None:
    notebook(
        folder / "explore.ipynb",
        "alpha = 0.1\nname = 'nobody'",
        "%pip install idna",
        "from studio.client import Run\nrun = Run.get_context()\nrun.log('alpha', alpha)\n"
        "print(f'alpha times two is {alpha * 2} for {name}')",
    )
    run = studio.submit(folder, "explore.ipynb", "--alpha", "0.5", "-p", "name", "ada")
    ended = studio.finished(run, timeout_s=BUILT_S)
    assert ended["status"] == "completed", studio.log(run)
    assert ended["environment"] == "notebook:1"
    assert (
        "the folder has no requirements.txt: this one executes notebooks"
        in ended["environment_why"]
    )
    assert ended["metrics"] == {"alpha": 0.5}
    assert b"alpha times two is 1.0 for ada\n" in studio.log(run)
    assert b"Add idna to its requirements and submit again." in studio.log(run)
    assert list(artifacts(studio, run)) == ["outputs/explore.ipynb"]
    executed = kept(studio, run, "outputs/explore.ipynb", tmp_path / "explore.ipynb")
    (output,) = executed["cells"][-1]["outputs"]
    assert "".join(output["text"]) == "alpha times two is 1.0 for ada\n"


def test_a_failed_cell_fails_the_run_with_its_error_and_is_kept(
    studio: Studio, folder: Path, tmp_path: Path
) -> None:
    notebook(
        folder / "bad.ipynb", "alpha = 1", "raise ValueError(f'alpha is {alpha}')", "print('never')"
    )
    run = studio.submit(folder, "--output", "models/**", "bad.ipynb", "--alpha=-1")
    ended = studio.finished(run, timeout_s=BUILT_S)
    assert (ended["status"], ended["exit_code"]) == ("failed", 1)
    assert ended["error"] == "ValueError: alpha is -1"
    executed = kept(studio, run, "outputs/bad.ipynb", tmp_path / "bad.ipynb")
    names = [out.get("ename") for cell in executed["cells"] for out in cell.get("outputs", ())]
    assert "ValueError" in names


def test_an_environment_without_papermill_is_told_which_has_it(
    studio: Studio, folder: Path
) -> None:
    notebook(folder / "explore.ipynb", "x = 1")
    run = studio.submit(folder, "--environment", "minimal", "explore.ipynb")
    ended = studio.finished(run)
    assert ended["status"] == "failed"
    last = studio.api(f"/runs/{run}/events")[-1]["text"]
    assert "The package papermill is missing: the environment notebook has it." in last


def test_what_is_no_parameter_is_refused_before_a_run_is_made(studio: Studio, folder: Path) -> None:
    notebook(folder / "explore.ipynb", "x = 1")
    answer = studio.cli("submit", "--source", str(folder), "explore.ipynb", "0.5")
    assert answer.code == 1
    assert b"'0.5' is no parameter of a notebook: give --alpha 0.5 or -p alpha 0.5" in answer.stderr


def test_canceling_a_notebook_ends_its_kernel(studio: Studio, folder: Path) -> None:
    notebook(
        folder / "long.ipynb", "", "import os, time\nprint('kernel', os.getpid())\ntime.sleep(600)"
    )
    run = studio.submit(folder, "long.ipynb")

    def kernel() -> int | None:
        lines = studio.log(run).decode().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("kernel ")), None)

    pid = eventually(kernel, timeout_s=BUILT_S, what="the kernel to speak")
    studio.api(f"/runs/{run}/cancel", {})
    assert studio.finished(run)["status"] == "canceled"
    eventually(lambda: not Path(f"/proc/{pid}").exists(), what="the kernel to end")


SCRIPT = """
from studio.client import Workspace, Experiment, Environment, ScriptRunConfig, ComputeTarget, Run
ws = Workspace.from_config()
experiment = Experiment(workspace=ws, name="five-steps")
env = Environment.get(workspace=ws, name="AzureML-Scikit-learn-0.20.3")
words = ["--alphas", "2"]
config = ScriptRunConfig(source_directory="ridge-diabetes", script="train.py", arguments=words)
config.run_config.target = ws.compute_targets["local"]
config.run_config.environment = env
config.run_config.framework = "python"
run = experiment.submit(config=config)
run.wait_for_completion(show_output=True)
print("\\nRUN", run.id)
"""


def test_command_client_and_notebook_give_the_same_snapshot_and_artifacts(
    studio: Studio, folder: Path, tmp_path: Path
) -> None:
    work = tmp_path / "examples"
    shutil.copytree(EXAMPLE.parent, work)
    notebook(folder / "where.ipynb", "", PYTHON)
    located = studio.submit(folder, "where.ipynb")
    assert studio.finished(located, timeout_s=BUILT_S)["status"] == "completed"
    said = studio.log(located).decode().splitlines()
    jupyter = next(line.split(" is ")[1] for line in said if line.startswith("python is "))

    asked = ("--environment", "scikit-learn", "train.py", "--alphas", "2")
    by_command = studio.submit(work / "ridge-diabetes", *asked)
    env = {
        **studio.env,
        "RUNYARD_URL": studio.record.url,
        "RUNYARD_TOKEN": studio.token,
        "PYTHONPATH": str(TOP),
    }

    def ran(*words: str) -> str:
        done = subprocess.run(
            words, cwd=work, env=env, capture_output=True, text=True, timeout=BUILT_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    by_client = ran(sys.executable, "-W", "ignore", "-c", SCRIPT).rpartition("RUN ")[2].strip()
    assert "best alpha" in studio.log(int(by_client)).decode()
    log = ran(
        jupyter, "-m", "papermill", "-k", "python3", "--log-output", FIVE_STEPS.name, "out.ipynb",
        "-p", "alphas", "2",
    )  # fmt: skip
    assert "on unseen data" in log
    executed = json.loads((work / "out.ipynb").read_text())
    shown = next(c for c in executed["cells"] if c["id"] == "submit")["outputs"][0]["data"]
    by_notebook = shown["text/html"][0].partition("/runs/")[2].partition("/")[0]
    assert json.loads((work / "metrics.json").read_text())["best_alpha"] > 0

    runs = [studio.finished(int(run)) for run in (by_command, by_client, by_notebook)]
    assert {run["status"] for run in runs} == {"completed"}
    assert len({run["id"] for run in runs}) == 3
    assert len({run["snapshot"] for run in runs}) == 1
    assert len({json.dumps(run["git"], sort_keys=True) for run in runs}) == 1
    made = [artifacts(studio, run["id"]) for run in runs]
    assert made[0] == made[1] == made[2]
    assert list(made[0]) == ["outputs/metrics.json", "outputs/model.pkl", "outputs/predictions.csv"]
    assert [run["experiment"] for run in runs[1:]] == ["five-steps", "five-steps"]
