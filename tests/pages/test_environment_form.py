"""The form that makes an environment of every kind."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from environments.models import Environment, EnvironmentVersion
from environments.services import environment_bootstrap_curated, environment_create
from runs.models import Snapshot
from runs.services.sources import source_create
from runs.submission import ArchiveSource
from studio.models import User, Workspace
from studio.services import secret_set
from tests.pages.visitor import Visitor

CHECK = "/new/environment/check/"


@pytest.fixture(autouse=True)
def curated(workspace: Workspace) -> None:
    environment_bootstrap_curated(workspace=workspace)


def spec_of(name: str) -> dict[str, Any]:
    newest = EnvironmentVersion.objects.filter(environment__name=name).first()
    assert newest is not None
    return dict(newest.spec)


def text_file(name: str, text: str | bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode())


def zipped() -> SimpleUploadedFile:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data/seed.txt", "7")
    return text_file("context.zip", packed.getvalue())


def test_from_pasted_requirements(member: Visitor) -> None:
    page = member.post(
        "/new/environment/",
        {"name": "mine", "kind": "requirements", "requirements": "numpy>=2\r\n# why\r\n",
         "description": "for <me>"},
    )  # fmt: skip
    assert page.location == "/environments/mine/"
    shown = member.get(page.location)
    assert "mine:1 can be used now" in shown.text
    assert "numpy>=2" in shown.text
    assert "for <me>" in shown.text


def test_another_definition_is_the_next_version_and_the_same_is_none(member: Visitor) -> None:
    for text in ("numpy", "numpy", "scipy"):
        member.post(
            "/new/environment/", {"name": "mine", "kind": "requirements", "requirements": text}
        )
    versions = Environment.objects.get(name="mine").versions
    assert [v.number for v in versions.all()] == [2, 1]
    form = member.get("/new/environment/", {"from": "mine"})
    assert 'value="mine"' in form.html
    assert "scipy\n</textarea>" in form.html


def test_from_an_interpreter(member: Visitor) -> None:
    page = member.post(
        "/new/environment/",
        {"name": "theirs", "kind": "user-managed", "interpreter_path": "/opt/venv/bin/python"},
    )
    shown = member.get(page.location).text
    assert "/opt/venv/bin/python" in shown
    assert "theirs:1 can be used now." in shown


KINDS: list[tuple[dict[str, Any], dict[str, object]]] = [
    (
        {"kind": "pyproject", "groups": "plot", "python": "3.12",
         "pyproject": "[project]\ndependencies = ['numpy']\n"
         "[project.optional-dependencies]\nplot = ['rich']\n"},
        {"kind": "requirements", "requirements": "numpy\nrich\n", "python": "3.12",
         "groups": ["plot"]},
    ),
    (
        {"kind": "conda", "conda": "channels: [x]\ndependencies: [pytorch=2.6]\n",
         "base_image": "python:3.12", "interpreter_path": "left over"},
        {"kind": "requirements", "requirements": "torch==2.6.*\n", "image": "python:3.12"},
    ),
    (
        {"kind": "image", "image": "python:3.12", "python": "left over",
         "variables": "A=1\nB=x=y", "secrets": ["HF_TOKEN", "OTHER"]},
        {"kind": "image", "image": "python:3.12", "variables": {"A": "1", "B": "x=y"},
         "secrets": ["HF_TOKEN", "OTHER"]},
    ),
    (
        {"kind": "dockerfile", "dockerfile": "FROM a\nRUN true\n"},
        {"kind": "dockerfile", "dockerfile": "FROM a\nRUN true\n"},
    ),
    (
        {"kind": "requirements", "requirements": "pyspark", "spark_packages": "a:b:1\nc:d:2",
         "spark_repositories": "https://repo.example.org"},
        {"kind": "requirements", "requirements": "pyspark\n",
         "spark": {"packages": ["a:b:1", "c:d:2"],
                   "repositories": ["https://repo.example.org"]}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "spec"), KINDS)
def test_every_kind_is_made_shown_and_begun_again(
    given: dict[str, Any], spec: dict[str, object], member: Visitor
) -> None:
    page = member.post("/new/environment/", {"name": "mine", **given})
    assert page.location == "/environments/mine/", page.text
    version = EnvironmentVersion.objects.get(environment__name="mine")
    assert version.spec.items() >= spec.items()
    assert "image" in spec or "image" not in version.spec
    shown = member.get(page.location).text
    assert all(line in shown for line in str(spec.get("requirements", "")).splitlines())
    again = member.get("/new/environment/", {"from": "mine"})
    assert f'value="{given["kind"]}" checked' in again.html


def test_a_template_is_copied_to_edit(member: Visitor) -> None:
    form = member.get("/new/environment/", {"from": "scikit-learn"})
    assert "filled in from scikit-learn:1" in form.text
    assert 'name="based_on" value="scikit-learn:1"' in form.html
    page = member.post(
        "/new/environment/",
        {"name": "mine", "kind": "requirements", "requirements": "scikit-learn",
         "based_on": "scikit-learn:1"},
    )  # fmt: skip
    assert page.location == "/environments/mine/"
    version = EnvironmentVersion.objects.get(environment__name="mine")
    assert version.based_on == "scikit-learn:1"
    assert version.spec == {"kind": "requirements", "requirements": "scikit-learn\n"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "a b"}, "'a b' cannot name an environment"),
        ({"name": "scikit-learn"}, "is curated and cannot be changed"),
        ({"requirements": " "}, "Paste the requirements, or choose a file."),
        ({"requirements": "numpy ==== 1"}, "numpy ==== 1"),
        ({"requirements": "-e ."}, "-e ."),
        ({"kind": "user-managed"}, "Give the path of a Python."),
        ({"kind": "user-managed", "interpreter_path": "python3"}, "must be an absolute path"),
        ({"kind": "venv"}, "venv is not one of the available choices"),
        ({"kind": "conda"}, "Paste the environment.yml, or choose it."),
        ({"kind": "conda", "conda": "dependencies: [r-base]"}, "r-base (use an image that has R)"),
        ({"kind": "pyproject", "pyproject": "x"}, "It is not TOML"),
        ({"kind": "image", "image": "Python"}, "in lower case"),
        ({"kind": "dockerfile", "dockerfile": "RUN x"}, "It has no FROM"),
        (
            {"kind": "dockerfile", "dockerfile": "FROM a", "source": "snapshot", "snapshot": "ab"},
            "is not known here",
        ),
        ({"base_image": "Python"}, "in lower case"),
        ({"python": "three"}, "'three' is no version of Python"),
        ({"variables": "A"}, "'A' has no '=': write NAME=value"),
        ({"variables": "HF_TOKEN=x"}, "name it among the secrets"),
        ({"spark_packages": "avro"}, "write Maven coordinates"),
    ],
)
def test_what_cannot_work_is_said(changes: dict[str, str], sentence: str, member: Visitor) -> None:
    given = {"name": "mine", "kind": "requirements", "requirements": "numpy"}
    page = member.post("/new/environment/", given | changes)
    assert page.status == 422
    assert sentence in page.text
    assert not Environment.objects.filter(name="mine").exists()


@pytest.mark.parametrize(
    ("kind", "file", "part"),
    [
        ("requirements", text_file("r.txt", "\ufeffsix\n"), {"requirements": "six\n"}),
        ("conda", text_file("e.yml", "dependencies: [numpy]"), {"requirements": "numpy\n"}),
        ("dockerfile", text_file("Dockerfile", "FROM a\n"), {"dockerfile": "FROM a\n"}),
    ],
)
def test_a_file_is_taken_instead_of_what_is_typed(
    kind: str, file: SimpleUploadedFile, part: dict[str, str], member: Visitor
) -> None:
    file.seek(0)
    page = member.post("/new/environment/", {"name": "mine", "kind": kind, "file": file})
    assert page.location == "/environments/mine/", page.text
    assert spec_of("mine").items() >= part.items()


def test_a_file_is_not_lost_when_something_else_is_wrong(member: Visitor) -> None:
    page = member.post("/new/environment/", {"kind": "conda", "file": text_file("e.yml", "é: 1")})
    assert page.status == 422
    assert "é: 1\n</textarea>" in page.html or "é: 1</textarea>" in page.html
    latin = text_file("e.yml", "é".encode("latin-1"))
    page = member.post("/new/environment/", {"name": "x", "kind": "conda", "file": latin})
    assert "e.yml is not UTF-8 text" in page.text


def test_a_dockerfile_copies_files_from_a_zip_and_again_in_its_next_version(
    member: Visitor,
) -> None:
    given = {"name": "mine", "kind": "dockerfile", "dockerfile": "FROM a\nCOPY data /data\n"}
    refused = member.post("/new/environment/", given)
    assert "copies files, and there is no build context" in refused.text
    page = member.post("/new/environment/", {**given, "source": "zip", "zip": zipped()})
    assert page.location == "/environments/mine/", page.text
    context = spec_of("mine")["context"]
    assert Snapshot.objects.get(digest=context).file_count == 1
    form = member.get("/new/environment/", {"from": "mine:1"})
    assert f'name="snapshot" value="{context}"' in form.html
    assert "The same files" in form.text
    changed = given["dockerfile"] + "RUN true\n"
    member.post(
        "/new/environment/",
        {**given, "dockerfile": changed, "source": "snapshot", "snapshot": context},
    )
    assert spec_of("mine") == {"kind": "dockerfile", "dockerfile": changed, "context": context}


def test_a_dockerfile_copies_files_of_a_saved_source(
    member: Visitor, workspace: Workspace, bob: User
) -> None:
    files = ArchiveSource(zipped(), "x.zip")
    source_create(user=bob, workspace=workspace, name="seeds", files=files)
    given = {"name": "mine", "kind": "dockerfile", "dockerfile": "FROM a\nCOPY . /x",
             "source": "saved"}  # fmt: skip
    assert "Choose a source." in member.post("/new/environment/", given).text
    assert "There is no source 'none' that you can see" in (
        member.post("/new/environment/", {**given, "saved": "none"}).text
    )
    page = member.post("/new/environment/", {**given, "saved": "seeds"})
    assert page.location == "/environments/mine/", page.text
    assert Snapshot.objects.filter(digest=spec_of("mine")["context"]).exists()


def test_files_of_another_workspace_are_no_context(
    member: Visitor, stranger: Visitor, charlie: User
) -> None:
    given = {"name": "mine", "kind": "dockerfile", "dockerfile": "FROM a\nCOPY . /x"}
    stranger.post("/new/environment/", {**given, "source": "zip", "zip": zipped()})
    context = spec_of("mine")["context"]
    page = member.post("/new/environment/", {**given, "source": "snapshot", "snapshot": context})
    assert page.status == 422
    assert "is not known here" in page.text


def test_secrets_are_chosen_by_name(member: Visitor, workspace: Workspace, alice: User) -> None:
    secret_set(user=alice, workspace=workspace, name="HUB_TOKEN", value="hush-hush")
    form = member.get("/new/environment/")
    assert 'type="checkbox" name="secrets" value="HUB_TOKEN"' in form.html
    assert "hush-hush" not in form.html
    member.post(
        "/new/environment/",
        {"name": "mine", "kind": "requirements", "requirements": "six", "secrets": ["HUB_TOKEN"]},
    )
    assert spec_of("mine")["secrets"] == ["HUB_TOKEN"]
    again = member.get("/new/environment/", {"from": "mine"}).html
    assert 'value="HUB_TOKEN" class="form-check-input" id="id_secrets_0" checked' in again


def test_an_earlier_version_is_gone_on_from(
    member: Visitor, workspace: Workspace, bob: User
) -> None:
    for text in ("numpy", "scipy"):
        environment_create(user=bob, workspace=workspace, name="mine", requirements=text)
    form = member.get("/new/environment/", {"from": "mine:1"})
    assert "filled in from mine:1" in form.text
    assert "numpy\n</textarea>" in form.html


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Nothing yet: say what it is made from."),
        ({"requirements": "numpy>=2\nsix"}, "2 lines for a Python index"),
        ({"requirements": "numpy ==== 2"}, "numpy ==== 2"),
        ({"kind": "conda", "conda": "dependencies: [python=3.11, pytorch=2.6]"},
         "for Python 3.11: torch==2.6.*"),
        ({"kind": "conda", "conda": "dependencies: [r-base]"}, "r-base (use an image that has R)"),
        ({"kind": "image", "image": "python:3.12"}, "is an image, and local has no Docker"),
        ({"kind": "dockerfile", "dockerfile": "FROM a\nCOPY . /x", "source": "none"},
         "there is no build context"),
        ({"kind": "dockerfile", "dockerfile": "FROM a\nCOPY . /x", "source": "folder"},
         "local has no Docker"),
        ({"requirements": "six", "base_image": "python:3.12"},
         "On targets without Docker the base image python:3.12 is not used."),
        ({"requirements": "six", "variables": "A"}, "'A' has no '='"),
        ({"requirements": "six", "name": "scikit-learn"}, "scikit-learn is curated"),
        ({"requirements": "six", "name": "fresh"}, "It becomes fresh:1."),
        ({"requirements": "six", "name": "mine"}, "mine:1 says the same: saving changes nothing."),
        ({"requirements": "tqdm", "name": "mine"}, "It becomes mine:2."),
    ],
)  # fmt: skip
def test_what_it_will_be_is_told_while_it_is_typed(
    given: dict[str, str], said: str, member: Visitor, workspace: Workspace, bob: User,
    target: object,
) -> None:  # fmt: skip
    environment_create(user=bob, workspace=workspace, name="mine", requirements="six")
    page = member.post(CHECK, {"kind": "requirements", **given})
    assert page.status == 200
    assert said in page.text
    assert EnvironmentVersion.objects.filter(environment__origin="own").count() == 1


def test_the_check_is_for_contributors(
    owner: Visitor, viewer: Visitor, stranger: Visitor, nobody: Visitor
) -> None:
    given = {"kind": "requirements", "requirements": "six", "name": "scikit-learn"}
    assert "is curated" in owner.post(CHECK, given).text
    assert viewer.post(CHECK, given).status == 403
    assert "It becomes scikit-learn:1." in stranger.post(CHECK, given).text
    assert nobody.post(CHECK, given).status == 302
