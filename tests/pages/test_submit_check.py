"""What the submit page asks while it is filled in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from compute.models import ComputeTarget
from environments.services import environment_bootstrap_curated
from runs.models import Experiment, Run, Snapshot, Source
from studio.models import Workspace
from tests.api.conftest import MakeRun
from tests.pages.test_submit import zipped
from tests.pages.visitor import Page, Visitor

ASKED = ("check", "preflight", "files", "look")


@pytest.fixture(autouse=True)
def place(target: ComputeTarget, workspace: Workspace) -> None:
    environment_bootstrap_curated(workspace=workspace)


@pytest.fixture
def given(tmp_path: Path, settings: Any) -> dict[str, str]:
    """A form about a server folder, filled in as far as it must be."""
    settings.LINK_ROOTS = [tmp_path / "scripts"]
    folder = tmp_path / "scripts" / "ridge"
    (folder / "pkg").mkdir(parents=True)
    (folder / "train.py").write_text("import numpy\n")
    (folder / "pkg" / "__main__.py").write_text("print('hello')\n")
    (folder / "broken.py").write_text("def f(:\n")
    return {"source": "folder", "folder": str(folder), "script": "train.py"}


def checked(member: Visitor, given: dict[str, Any], address: str = "/submit/check/") -> Any:
    page = member.post(address, given)
    assert page.status == 200, page.text
    return json.loads(page.content)


def test_each_field_is_told_what_submitting_would_say(
    member: Visitor, given: dict[str, str]
) -> None:
    wrong = {
        "script": "trian.py", "arguments": "'open", "priority": "9999", "experiment": "<b>",
        "variables": "NOTHING", "tags": "=x", "outputs": "/etc/*", "time_limit": "soon",
        "gpus": "few", "data_names": "none", "save_as": "a/b", "target": "gpu-9",
    }  # fmt: skip
    problems = checked(member, given | wrong)["problems"]
    assert set(problems) == set(wrong)
    assert "did you mean train.py" in problems["script"]
    assert "'a/b' cannot name a source" in problems["save_as"]
    assert checked(member, given)["problems"] == {}
    assert not Run.objects.exists()
    assert not Snapshot.objects.exists()
    assert not Experiment.objects.exists()
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"folder": "/nowhere"}, "folder", "lies outside the allowed folders"),
        ({"folder": ""}, "folder", "Name the folder."),
        ({"source": "git", "git": "http://host/x"}, "git", "in the clear"),
        ({"source": "git", "git": "https://h/x", "git_ref": "-x"}, "git_ref", "is an option"),
        ({"source": "saved", "saved": "none"}, "saved", "There is no source 'none'"),
        ({"source": "ftp"}, "source", "is not among the choices"),
    ],
)
def test_files_that_cannot_be_had_are_told_beside_their_field(
    changes: dict[str, str], field: str, sentence: str, member: Visitor, given: dict[str, str]
) -> None:
    assert sentence in checked(member, given | changes)["problems"][field]


def test_what_will_run_is_written_down(member: Visitor, given: dict[str, str]) -> None:
    more = {"arguments": "--name 'a b'", "variables": "MY_TOKEN=hush\nA=1", "experiment": "my exp"}
    plan = checked(member, given | more)["plan"]
    assert plan["command"] == "python train.py --name 'a b'"
    assert f"--source {given['folder']}" in plan["cli"]
    assert "--env MY_TOKEN --env A=1" in plan["cli"]
    assert "os.environ['MY_TOKEN']" in plan["python"]
    assert "hush" not in json.dumps(plan)
    assert checked(member, given | {"script": ""})["plan"] is None


def test_targets_and_environments_say_how_soon(member: Visitor, given: dict[str, str]) -> None:
    answer = checked(member, given)
    assert "0 of 2 slots taken" in answer["targets"]["local"]
    assert "built on first use" in answer["environments"]["scikit-learn"]


def test_what_differs_from_the_earlier_run_is_shown(
    member: Visitor, given: dict[str, str], make_run: MakeRun
) -> None:
    run = make_run(command=["python", "train.py", "--x", "1"], secret_variables={"MY_KEY": "c"})
    same = {"environment": "minimal:1", "target": "local", "experiment": "ridge", "name": "train",
            "gpus": "0", "priority": "0", "outputs": "outputs/**", "variables": "MY_KEY=hush",
            "arguments": "--x 1"}  # fmt: skip
    address = f"/submit/check/?from={run.pk}"
    assert "Nothing yet" in checked(member, given | same, address)["differences"]
    told = checked(member, given | same | {"arguments": "--x 2"}, address)["differences"]
    assert "<del>--x 1</del>" in told
    assert "<ins>--x 2</ins>" in told
    assert "hush" not in told
    assert told.count("<dt>") == 1


def test_the_look_before_the_start(member: Visitor, given: dict[str, str]) -> None:
    page = member.post("/submit/preflight/", given | {"environment": "minimal"})
    assert "minimal lacks numpy, train.py line 1" in page.text
    assert "Use scikit-learn" in page.text
    broken = member.post("/submit/preflight/", given | {"script": "broken.py"})
    assert "broken.py, line 1: invalid syntax" in broken.text
    assert "def f(:\n      ^" in broken.html


def listed(visitor: Visitor, given: dict[str, Any]) -> Any:
    page = visitor.post("/submit/files/", given)
    assert page.status == 200, page.text
    return json.loads(page.content)


def test_all_files_are_listed_and_the_likeliest_script_is_named(
    member: Visitor, given: dict[str, str]
) -> None:
    found = listed(member, given)
    assert sorted(found.pop("paths")) == ["broken.py", "pkg/__main__.py", "train.py"]
    assert found == {"first": "train.py", "note": ""}
    assert listed(member, given | {"folder": "/nowhere"}) == {"why": ""}  # told beside its field
    assert listed(member, {"source": "zip"}) == {"why": "No files are chosen yet."}
    repository = listed(member, {"source": "git", "git": "https://localhost/x"})
    assert repository == {
        "why": "The repository is fetched on submit: its files are not known before."
    }
    assert "No files are chosen yet." in member.post("/submit/preflight/", {"source": "zip"}).text


def test_the_list_of_a_large_folder_is_whole_and_travels_packed(
    member: Visitor, given: dict[str, str]
) -> None:
    folder = Path(given["folder"]) / "pictures"
    folder.mkdir()
    for n in range(3000):
        (folder / f"picture_{n}.png").touch()
    page = member.client.post("/submit/files/", given, headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    assert len(page.content) < 30_000
    found = json.loads(gzip.decompress(page.content))
    assert (len(found["paths"]), found["first"]) == (3003, "train.py")


def test_an_archive_is_looked_into_and_kept_for_submitting(member: Visitor) -> None:
    archive = zipped(**{"deep.py": "x = (", "train.py": "print(1)"})
    answer = checked(member, {"source": "zip", "zip": archive}, "/submit/look/")
    assert answer["files"] == 2
    given = {"source": "zip", "looked": answer["digest"], "script": "train.py"}
    assert sorted(listed(member, given)["paths"]) == ["deep.py", "train.py"]
    refused = member.post("/submit/", given | {"priority": "high"})
    assert refused.status == 422
    assert f'value="{answer["digest"]}"' in refused.html  # chosen files stay chosen
    assert member.post("/submit/", given).status == 302
    assert Run.objects.get().snapshot.digest == answer["digest"]
    page = member.post("/submit/look/", {"source": "zip", "zip": zipped(**{"../x.py": "x"})})
    assert (page.status, "zip" in json.loads(page.content)["problems"]) == (422, True)


def test_a_repository_is_looked_into_when_one_asks(member: Visitor, given: dict[str, str]) -> None:
    import subprocess

    folder = given["folder"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        who = ["-c", "user.name=bob", "-c", "user.email=bob@localhost"]
        subprocess.run(["git", "-C", folder, *who, *words], check=True)
    asked = {"source": "git", "git": folder, "script": "trian.py"}
    before = member.post("/submit/preflight/", asked)
    assert "The repository is fetched on submit" in before.text
    answer = checked(member, asked, "/submit/look/")
    asked["looked"] = answer["digest"]
    assert "did you mean train.py" in checked(member, asked)["problems"]["script"]
    assert "train.py" in listed(member, asked)["paths"]
    wrong = member.post("/submit/look/", asked | {"git_ref": "nowhere"})
    assert "There is no branch, tag or commit" in json.loads(wrong.content)["problems"]["git"]


def test_others_learn_and_do_nothing(
    viewer: Visitor, stranger: Visitor, nobody: Visitor, given: dict[str, str], run: Run
) -> None:
    theirs = {"source": "snapshot", "snapshot": run.snapshot.digest, "script": "train.py"}
    for part in ASKED:
        assert viewer.post(f"/submit/{part}/", theirs).status == 403, part
        assert nobody.post(f"/submit/{part}/", theirs).status == 302, part
        assert viewer.get(f"/submit/{part}/").status == 405, part
    assert stranger.post(f"/submit/check/?from={run.pk}", theirs).status == 404
    answer: Page = stranger.post("/submit/check/", theirs)
    assert "local" not in json.loads(answer.content)["targets"]
    assert listed(stranger, theirs) == {"why": ""}
    assert "There is no snapshot" in stranger.post("/submit/preflight/", theirs).text


def test_what_was_chosen_last_is_chosen_again(
    member: Visitor, given: dict[str, str], make_run: MakeRun
) -> None:
    asked = given | {"environment": "scikit-learn", "target": "local", "arguments": "--x 1"}
    assert member.post("/submit/", asked).status == 302
    page = member.get("/submit/")
    assert f'value="{given["folder"]}"' in page.html
    assert _chosen(page, "environment") == "scikit-learn"
    assert _chosen(page, "source") == "folder"
    assert "--x 1" not in page.html
    more = member.get("/submit/", {"experiment": "ridge"})
    assert 'value="--x 1"' in more.html


def _chosen(page: Page, name: str) -> str:
    import re

    found = re.search(rf'name="{name}"[^>]*?value="([^"]*)"\s+checked', page.html)
    return found[1] if found else ""
