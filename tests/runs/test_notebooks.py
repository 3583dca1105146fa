"""Notebooks as scripts: which words execute them, and which arguments become parameters."""

from __future__ import annotations

import io
import zipfile

import pytest

from compute.models import ComputeTarget
from environments.services import environment_bootstrap_curated
from runs.notebooks import executed_notebook, is_notebook, notebook_arguments, notebook_words
from runs.prefill import initial_from_run
from runs.services.submit import run_submit
from runs.submission import ArchiveSource, Submission, command_words
from studio.lib.refusal import Refused
from studio.models import User, Workspace


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", ""),
        ("--alpha 0.5", "-p alpha 0.5"),
        ("--alpha=0.5 --name=a=b", "-p alpha 0.5 -p name a=b"),
        ("-p alpha 0.5 -r digits 007", "-p alpha 0.5 -r digits 007"),
        ("--learning-rate -0.1", "-p learning_rate -0.1"),
        ("--verbose --alpha 1", "-p verbose True -p alpha 1"),
        ("--verbose -p alpha 1", "-p verbose True -p alpha 1"),
        ("--verbose", "-p verbose True"),
        ("-p alpha --beta", "-p alpha --beta"),
    ],
)
def test_arguments_become_parameters(arguments: str, words: str) -> None:
    made = command_words("deep/train.ipynb", arguments.split())
    executed = "python -m papermill -k python3 --log-output --no-progress-bar"
    assert " ".join(made) == f"{executed} deep/train.ipynb outputs/train.ipynb {words}".strip()
    assert notebook_words("deep/train.ipynb", notebook_arguments(made)) == made


@pytest.mark.parametrize(
    ("arguments", "named"),
    [("0.5", "0.5"), ("-a 1", "-a"), ("-p alpha", "-p"), ("--1st 1", "1st"), ("-- --a 1", "--")],
)
def test_what_is_no_parameter_is_refused(arguments: str, named: str) -> None:
    with pytest.raises(Refused) as refusal:
        notebook_words("train.ipynb", arguments.split())
    assert refusal.value.sentence.startswith(f"'{named}' is no parameter of a notebook")
    assert refusal.value.field == "arguments"


def test_only_the_ending_makes_a_notebook() -> None:
    assert is_notebook("a/B.IPYNB")
    assert not is_notebook("ipynb")
    assert executed_notebook("a/b c.ipynb") == "outputs/b c.ipynb"


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ((), ["outputs/**"]),
        (("outputs/**", "x/**"), ["outputs/**", "x/**"]),
        (("x/**",), ["x/**", "outputs/train.ipynb"]),
    ],
)
def test_the_executed_notebook_is_kept_and_can_be_run_again(
    asked: tuple[str, ...], kept: list[str], workspace: Workspace, bob: User, target: ComputeTarget
) -> None:
    environment_bootstrap_curated(workspace=workspace)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("train.ipynb", "{}")
    run = run_submit(
        user=bob,
        workspace=workspace,
        request=Submission(
            source=ArchiveSource(file, "project.zip"),
            script="train.ipynb",
            arguments=["--alpha", "0.5"],
            outputs=asked,
        ),
    )
    assert run.outputs == kept
    assert str(run.environment_version) == "notebook:1"
    again = initial_from_run(run)
    assert again["arguments"] == "-p alpha 0.5"
    assert again["script"] == "train.ipynb"
