"""Submitting from the page."""

from __future__ import annotations

import html
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from compute.models import ComputeTarget
from environments.services import environment_bootstrap_curated
from runs.models import Run
from studio.lib.vault import decrypt
from studio.models import Workspace
from tests.api.conftest import MakeRun
from tests.pages.conftest import RunOf
from tests.pages.visitor import Page, Visitor


@pytest.fixture(autouse=True)
def place(target: ComputeTarget, workspace: Workspace) -> None:
    environment_bootstrap_curated(workspace=workspace)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A script directory under the one link root."""
    settings.LINK_ROOTS = [tmp_path / "scripts"]
    made = tmp_path / "scripts" / "ridge"
    made.mkdir(parents=True)
    (made / "train.py").write_text("print('hello')\n")
    return made


def zipped(**files: str) -> SimpleUploadedFile:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return SimpleUploadedFile("ridge.zip", packed.getvalue(), "application/zip")


def problems(page: Page) -> dict[str, str]:
    """What is said beside the fields: name of the field to the sentence."""
    found = re.findall(r'<p class="problem" id="id_(\w+)-problem">(.*?)</p>', page.html, re.DOTALL)
    return {name: " ".join(html.unescape(text).split()) for name, text in found}


def test_a_server_folder(member: Visitor, folder: Path) -> None:
    page = member.post(
        "/submit/",
        {
            "source": "folder", "folder": str(folder), "script": "train.py",
            "arguments": "--name 'two words' -v", "name": "first", "experiment": "my exp",
            "tags": "model=ridge\nquick\n", "description": "why", "priority": "5",
            "variables": "A=1\nAPI_TOKEN=hush=hush\n", "time_limit": "1.5 min",
            "outputs": "outputs/**\nout/*.csv", "environment": "minimal", "target": "local",
        },
    )  # fmt: skip
    run = Run.objects.get()
    assert (page.status, page.location) == (302, f"/runs/{run.pk}/")
    assert run.command == ["python", "train.py", "--name", "two words", "-v"]
    assert (run.name, run.experiment.name, run.priority) == ("first", "my exp", 5)
    assert run.tags == {"model": "ridge", "quick": ""}
    assert run.variables == {"A": "1"}
    assert decrypt(run.secret_variables["API_TOKEN"]) == "hush=hush"
    assert (run.time_limit_s, run.outputs) == (90, ["outputs/**", "out/*.csv"])
    assert run.submitted_by == member.user


def test_what_is_left_empty_is_chosen(member: Visitor, folder: Path) -> None:
    page = member.post(
        "/submit/", {"source": "folder", "folder": str(folder), "script": "train.py"}
    )
    run = Run.objects.get()
    assert page.status == 302
    assert (run.target.name, run.experiment.name, run.name) == ("local", "ridge", "train")
    assert run.outputs == ["outputs/**"]
    assert run.environment_version.environment.name == "minimal"


def test_a_zip(member: Visitor) -> None:
    page = member.post(
        "/submit/",
        {"source": "zip", "zip": zipped(**{"ridge/train.py": "x", "ridge/a.txt": "y"}),
         "command": "python -m train 'a b'"},
    )  # fmt: skip
    run = Run.objects.get()
    assert page.status == 302
    assert run.command == ["python", "-m", "train", "a b"]
    assert run.snapshot.file_count == 2
    assert run.experiment.name == "ridge"


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"folder": ""}, "folder", "Name the folder."),
        ({"folder": "/nowhere/at/all"}, "folder", "lies outside the allowed folders"),
        ({"folder": "relative"}, "folder", "not an absolute path"),
        ({"source": "zip"}, "zip", "Choose a zip or tar file."),
        ({"source": "git"}, "git", "Name the repository."),
        ({"source": "git", "git": "ext::sh -c x"}, "git", "ext:: are not used"),
        ({"source": "git", "git": "http://host/x"}, "git", "in the clear"),
        ({"source": "git", "git": "/nowhere"}, "git", "lies outside the allowed folders"),
        ({"source": "git", "git": "https://h/x", "git_ref": "-x"}, "git_ref", "is an option"),
        ({"save_as": "a/b"}, "save_as", "'a/b' cannot name a source"),
        ({"script": ""}, "script", "Give either a script or a command"),
        ({"command": "python x.py"}, "script", "not both"),
        ({"script": "trian.py"}, "script", "did you mean train.py?"),
        ({"arguments": "'open"}, "arguments", "A quotation mark is not closed"),
        ({"variables": "NOTHING"}, "variables", "'NOTHING' has no '='"),
        ({"variables": "1A=x"}, "variables", "'1A' cannot be the name"),
        ({"tags": "=x"}, "tags", "cannot be kept"),
        ({"experiment": "<b>"}, "experiment", "'<b>' cannot name an experiment"),
        ({"outputs": "/etc/*"}, "outputs", "must be relative"),
        ({"time_limit": "soon"}, "time_limit", "'soon' is no span of time"),
        ({"time_limit": "1e9 d"}, "time_limit", "is no span of time"),
        ({"time_limit": "99999999 d"}, "time_limit", "cannot be kept"),
        ({"priority": "high"}, "priority", "whole number"),
        ({"priority": "5000"}, "priority", "out of range"),
        ({"target": "gpu-9"}, "target", "There is no target 'gpu-9'"),
        ({"environment": "scikit-lern"}, "environment", "did you mean scikit-learn?"),
    ],
)
def test_a_mistake_is_said_beside_its_field(
    changes: dict[str, str], field: str, sentence: str, member: Visitor, folder: Path
) -> None:
    given = {"source": "folder", "folder": str(folder), "script": "train.py", "name": "kept <me>"}
    page = member.post("/submit/", given | changes)
    assert page.status == 422
    assert sentence in problems(page).get(field, ""), problems(page)
    assert 'value="kept &lt;me&gt;"' in page.html
    for name, value in changes.items():
        if name not in {"source", "priority"}:
            assert html.escape(value, quote=False) in page.html or value == "'open", name
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "content", [b"", b"not a zip", b"PK\x03\x04 torn"], ids=["empty", "other", "torn"]
)
def test_a_zip_that_is_none_is_refused(content: bytes, member: Visitor) -> None:
    given = {"source": "zip", "zip": SimpleUploadedFile("x.zip", content), "script": "train.py"}
    page = member.post("/submit/", given)
    assert page.status == 422
    assert problems(page)["zip"]


def test_a_zip_that_leads_out_is_refused(member: Visitor) -> None:
    page = member.post(
        "/submit/", {"source": "zip", "zip": zipped(**{"../x.py": "x"}), "script": "x.py"}
    )
    assert page.status == 422
    assert "zip" in problems(page)


def test_a_secret_is_not_sent_back(member: Visitor, folder: Path) -> None:
    page = member.post(
        "/submit/",
        {"source": "folder", "folder": str(folder), "script": "none.py",
         "variables": "A=1\nMY_PASSWORD=hush"},
    )  # fmt: skip
    assert page.status == 422
    assert "hush" not in page.html
    assert "A=1\nMY_PASSWORD=</textarea>" in page.html


def test_an_unknown_source_is_refused(member: Visitor, folder: Path) -> None:
    page = member.post("/submit/", {"source": "ftp", "folder": str(folder), "script": "train.py"})
    assert page.status == 422
    assert "'ftp' is not among the choices." in page.text
    assert not Run.objects.exists()


def test_without_link_roots_the_page_names_the_setting(member: Visitor, settings: Any) -> None:
    settings.LINK_ROOTS = []
    page = member.get("/submit/")
    assert "RUNYARD_LINK_ROOTS" in page.text
    assert re.search(r'value="zip"\s+checked', page.html)


def test_the_same_again(member: Visitor, make_run: MakeRun) -> None:
    earlier = make_run(
        command=["python", "train.py", "--x", "a b"], variables={"A": "1"},
        secret_variables={"API_TOKEN": "ciphertext"}, tags={"k": "v"}, time_limit_s=60,
    )  # fmt: skip
    form = member.get("/submit/", {"from": str(earlier.pk)})
    assert "ciphertext" not in form.html
    assert "A=1\nAPI_TOKEN=</textarea>" in form.html
    values = {
        name: html.unescape(value)
        for name, value in re.findall(r'name="(\w+)"[^>]*?\svalue="([^"]*)"', form.html)
    }
    assert values["arguments"] == "--x 'a b'"
    page = member.post(
        "/submit/",
        {"source": "snapshot", "snapshot": values["snapshot"], "script": values["script"],
         "arguments": values["arguments"], "environment": "minimal:1", "time_limit": "60 s"},
    )  # fmt: skip
    assert page.status == 302
    again = Run.objects.latest("pk")
    assert (again.snapshot, again.command) == (earlier.snapshot, earlier.command)
    assert again.environment_version == earlier.environment_version


def test_what_git_knew_of_the_same_files_stays_known(
    member: Visitor, run_of: RunOf, run: Run
) -> None:
    earlier, other = run_of({"train.py": b"print(1)\n"}), run
    git = {"commit": "c" * 40, "branch": "main", "dirty": False}
    Run.objects.update(git=git)
    given = {"source": "snapshot", "snapshot": earlier.snapshot.digest, "script": "train.py"}
    known = []
    for query in (f"?from={earlier.pk}", f"?from={other.pk}", ""):
        assert member.post(f"/submit/{query}", given).status == 302
        known.append(Run.objects.latest("pk").git)
    assert known == [git, {}, {}]


def test_a_snapshot_of_others_cannot_be_run(stranger: Visitor, member: Visitor, run: Run) -> None:
    assert stranger.get("/submit/", {"from": str(run.pk)}).status == 404
    given = {"source": "snapshot", "snapshot": run.snapshot.digest, "script": "train.py"}
    page = stranger.post("/submit/", given)
    assert page.status == 422
    assert Run.objects.count() == 1
