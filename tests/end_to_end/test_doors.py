"""The same example through every door: the same snapshot, and the same artifacts."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import EXAMPLE
from tests.studio_process import Studio, number_told

CLIENT = """
from studio.client import Environment, Experiment, ScriptRunConfig, Workspace
ws = Workspace.from_config()
words = ["--alphas", "2", "--repeats", "1"]
config = ScriptRunConfig("ridge", script="train.py", arguments=words, compute_target="local")
config.run_config.environment = Environment.get(workspace=ws, name="scikit-learn")
print(Experiment(workspace=ws, name="doors").submit(config=config).id)
"""
ARGUMENTS = ["--alphas", "2", "--repeats", "1"]  # the doors count, not what it finds
IN_IT = ("--environment", "scikit-learn", "train.py", *ARGUMENTS)


@pytest.fixture
def linked(studio: Studio) -> Path:
    """The example below the link root, committed to a git repository."""
    folder = Path(studio.env["RUNYARD_LINK_ROOTS"]) / "doors" / "ridge"
    shutil.copytree(EXAMPLE, folder)
    git = ["git", "-c", "user.name=doors", "-c", "user.email=doors@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "example"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return folder


def archive(tmp_path: Path, ending: str) -> Path:
    """The example packed."""
    path = tmp_path / f"ridge.{ending}"
    files = [file for file in sorted(EXAMPLE.rglob("*")) if file.is_file()]
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for file in files:
                packed.write(file, file.relative_to(EXAMPLE))
    else:
        with tarfile.open(path, "w:gz") as tar:
            for file in files:
                tar.add(file, file.relative_to(EXAMPLE))
    return path


def by_client(studio: Studio, folder: Path) -> int:
    """Through the Python client, in a process of its own."""
    env = {**studio.env, "RUNYARD_URL": studio.record.url, "RUNYARD_TOKEN": studio.token}
    said = subprocess.run(
        [sys.executable, "-c", CLIENT],
        cwd=folder.parent,
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(said.stdout)


@pytest.mark.timeout(400)
def test_every_door_gives_the_same_snapshot_and_artifacts(
    studio: Studio, linked: Path, tmp_path: Path
) -> None:
    body = {
        "source": {"folder": str(linked)},
        "script": "train.py",
        "arguments": ARGUMENTS,
        "environment": "scikit-learn",
    }
    doors: dict[str, Callable[[], int]] = {
        "command line": lambda: studio.submit(linked, "--save-as", "ridge", *IN_IT),
        "saved source": lambda: submitted(studio, "--saved", "ridge"),
        "git": lambda: submitted(studio, "--git", str(linked), "--ref", "main"),
        "REST, linked folder": lambda: int(studio.api("/runs", body)["id"]),
        "page, zip": lambda: studio.submit_zip(
            archive(tmp_path, "zip"), "train.py", "scikit-learn", shlex.join(ARGUMENTS)
        ),
        "page, tar": lambda: studio.submit_zip(
            archive(tmp_path, "tar.gz"), "train.py", "scikit-learn", shlex.join(ARGUMENTS)
        ),
        "Python client": lambda: by_client(studio, linked),
    }
    runs = {door: submit() for door, submit in doors.items()}
    ended = {door: studio.finished(run, timeout_s=300) for door, run in runs.items()}
    assert {door: run["status"] for door, run in ended.items()} == dict.fromkeys(doors, "completed")
    assert [run["command"][2:] for run in ended.values()] == [ARGUMENTS] * len(doors)
    assert len({run["snapshot"] for run in ended.values()}) == 1, ended
    kept = {door: artifacts(studio, run) for door, run in runs.items()}
    first = kept["command line"]
    assert list(first) == ["outputs/metrics.json", "outputs/model.pkl", "outputs/predictions.csv"]
    assert kept == dict.fromkeys(doors, first)


def submitted(studio: Studio, *words: str) -> int:
    answer = studio.cli("submit", *words, *IN_IT)
    assert answer.code == 0, answer.stderr.decode()
    return number_told(answer.stdout)


def artifacts(studio: Studio, run: int) -> dict[str, str]:
    """What a run made: path to hash."""
    return {a["path"]: a["sha"] for a in studio.api(f"/runs/{run}/artifacts")}
