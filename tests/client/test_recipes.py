"""What the page offers to copy is executed here, and asks for the same run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from environments.services import environment_bootstrap_curated
from runs.models import Run
from runs.recipes import cli_text, command_text, python_text
from runs.services.sources import source_create
from runs.services.submit import run_submit
from runs.submission import FolderSource, SavedSource, SnapshotSource, Submission
from studio.client.folder import digest, scan
from studio.lib.vault import decrypt
from studio.models import User, Workspace
from tests.api.caller import Caller
from tests.client.conftest import TOP, Command

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A script directory under a link root, with a name that a shell would take apart."""
    settings.LINK_ROOTS = [tmp_path]
    made = tmp_path / "my 'scripts'"
    made.mkdir()
    (made / "train it.py").write_text("print('hello')\n")
    return made


@pytest.fixture
def plain(target: Any, workspace: Workspace, folder: Path) -> Submission:
    """A run that needs every kind of quoting."""
    environment_bootstrap_curated(workspace=workspace)
    return Submission(
        source=FolderSource(str(folder)),
        script="train it.py",
        arguments=["--name", "it's $HOME", "--", "a\nb", "-n", "", "*"],
        target="local",
        environment="minimal",
        name="-first-",
        description='say "hi"; $(date) `id`',
        tags={"model": "ridge & lasso", "quick": ""},
        priority=-5,
        time_limit_s=90,
        variables={"A": "1 'x' = 2", "MY_TOKEN": "hush"},
        outputs=["out/**", "it's.csv"],
    )


def executed(text: str, argv: list[str], folder: Path) -> Run:
    """The run that it made."""
    before = set(Run.objects.values_list("pk", flat=True))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*argv, text],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(TOP), "MY_TOKEN": "hush"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = Run.objects.exclude(pk__in=before)
    return made


def facts(run: Run) -> Mapping[str, Any]:
    """What somebody asked for."""
    names = "command script name description tags priority time_limit_s variables outputs gpus data"
    same = {name: getattr(run, name) for name in names.split()}
    secret = {name: decrypt(value) for name, value in run.secret_variables.items()}
    return same | {
        "snapshot": run.snapshot.digest,
        "experiment": run.experiment.name,
        "environment": str(run.environment_version),
        "source": run.source and run.source.name,
        "secret": secret,
    }


SHELL, PYTHON = ["bash", "-c"], [sys.executable, "-c"]


def both(asked: Submission, folder: Path, *, is_own_folder: bool = False) -> list[Run]:
    given = {"experiment": "my exp", "is_own_folder": is_own_folder}
    texts = [(cli_text(asked, **given), SHELL), (python_text(asked, **given), PYTHON)]
    assert not any("hush" in text for text, _ in texts)
    return [executed(text, argv, folder) for text, argv in texts]


def test_the_texts_ask_for_the_same_run(
    as_bob: Caller, bob: User, workspace: Workspace, plain: Submission, folder: Path
) -> None:
    by_form = run_submit(user=bob, workspace=workspace, request=replace(plain, experiment="my exp"))
    for made in both(plain, folder.parent):
        assert facts(made) == facts(by_form)
    uploaded = replace(plain, source=SnapshotSource(by_form.snapshot.digest))
    for made in both(uploaded, folder, is_own_folder=True):
        assert made.snapshot.digest == digest(scan(folder))


def test_they_name_what_the_studio_has(
    as_bob: Caller, bob: User, workspace: Workspace, plain: Submission, folder: Path
) -> None:
    files = FolderSource(str(folder))
    source_create(user=bob, workspace=workspace, name="my -source", files=files)
    small = replace(plain, script="", arguments=[], command=["sh", "-c", "echo $A | cat"])
    for made in both(replace(small, source=SavedSource("my -source")), folder.parent):
        assert (made.command, made.source and made.source.name) == (small.command, "my -source")
        digest_now = made.snapshot.digest
    for made in both(replace(small, source=SnapshotSource(digest_now)), folder.parent):
        assert (made.command, made.snapshot.digest) == (small.command, digest_now)


def test_the_command_has_the_paths_of_its_data() -> None:
    words = ["python", "train.py", "--in", "${data.mnist}/x y", "$${data.mnist}"]
    shown = command_text(words, {"mnist": "/data/m"})
    assert shown == "python train.py --in '/data/m/x y' '${data.mnist}'"
    assert command_text(words, {}).startswith("python train.py --in '${data.mnist}")


def test_a_look_is_no_run(
    as_bob: Caller, plain: Submission, folder: Path, runyard: Command
) -> None:
    (folder / "train it.py").write_text("import numpy\n")
    line = ["submit", "--check", "--source", str(folder), "--environment", "minimal"]
    said, _ = runyard(*line, "train it.py", "--alpha", "1").communicate(timeout=60)
    told = said.decode().splitlines()
    assert any(one.startswith("ok       syntax") for one in told)
    assert any(one.startswith("warning  imports") and "scikit-learn has it" in one for one in told)
    said, _ = runyard(*line, "--json", "trian it.py").communicate(timeout=60)
    assert '"state": "refused"' in said.decode()
    assert not Run.objects.exists()
