"""Sources, the folder picker, running again and comparing, on pages."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any

import pytest

from environments.services import environment_bootstrap_curated
from runs.models import Run, Source
from studio.models import Workspace
from tests.api.conftest import MakeRun
from tests.pages.test_submit import problems, zipped
from tests.pages.visitor import Page, Visitor


@pytest.fixture(autouse=True)
def place(target: Any, workspace: Workspace) -> None:
    environment_bootstrap_curated(workspace=workspace)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A script directory under the one link root, beside things that are not shown."""
    root = tmp_path / "scripts"
    settings.LINK_ROOTS = [root]
    settings.DATA_DIR = root / "runyard" / "data"
    for name in ("ridge/items", "lasso", ".hidden/inner", "runyard/data/logs"):
        (root / name).mkdir(parents=True)
    (root / "ridge/train.py").write_text("a = 1\nb = 2\n")
    (root / "ridge/.env").touch()
    (root / "out").symlink_to("/")
    (root / "again").symlink_to("ridge")
    (root / "loop").symlink_to("loop")
    return root / "ridge"


def listed(page: Page) -> list[str]:
    return [
        html.unescape(found) for found in re.findall(r"<button[^>]*>([^<]+)/</button>", page.html)
    ]


def test_a_zip_becomes_a_source_and_a_later_one_its_newest(member: Visitor) -> None:
    given = {"name": "ridge", "source": "zip", "zip": zipped(**{"train.py": "1"})}
    page = member.post("/new/source/", given)
    assert (page.status, page.location) == (302, "/sources/ridge/")
    page = member.post("/sources/ridge/bring/", {"source": "zip", "zip": zipped(**{"b.py": "2"})})
    assert page.status == 302
    shown = member.get("/sources/ridge/")
    assert "Its newest snapshot is now" in shown.text
    old, new = Source.objects.get().states.order_by("pk")
    changes = member.get(f"/snapshots/{old.snapshot.digest}/changes/?to={new.snapshot.digest}")
    assert "1 added, 1 removed, 0 modified" in changes.text
    assert f'/snapshots/{old.snapshot.digest}/changes/?to={new.snapshot.digest}"' in shown.html
    run = member.post("/submit/", {"source": "saved", "saved": "ridge", "script": "b.py"})
    assert run.status == 302
    assert Run.objects.get().source == Source.objects.get()


def test_a_linked_source_is_submitted_by_name(member: Visitor, folder: Path) -> None:
    member.post("/new/source/", {"name": "my ridge", "source": "folder", "folder": str(folder)})
    page = member.get("/sources/my%20ridge/")
    assert "It was not read yet" in page.text
    assert "Bring new files" not in page.text
    form = member.get("/submit/", {"saved": "my ridge"})
    assert re.search(r'value="saved"\s+checked', form.html)
    assert re.search(r'name="saved"[^>]*value="my ridge" checked', form.html)
    given = {"source": "saved", "saved": "my ridge", "script": "train.py"}
    assert member.post("/submit/", given).status == 302
    assert Run.objects.get().experiment.name == "my ridge"
    refused = member.post("/sources/my%20ridge/bring/", {"source": "zip", "zip": zipped(a="1")})
    assert refused.status == 422
    assert "at each submit: change the files there" in refused.text


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "a/b"}, "name", "cannot name a source"),
        ({"name": "x" * 256}, "name", "255"),
        ({"source": "zip"}, "zip", "Choose a zip or tar file."),
        ({"folder": "/etc"}, "folder", "lies outside"),
        ({"name": "there"}, "name", "There is a source 'there' already"),
    ],
)
def test_a_mistake_is_said_beside_its_field(
    given: dict[str, str], field: str, words: str, member: Visitor, folder: Path
) -> None:
    member.post("/new/source/", {"name": "there", "source": "folder", "folder": str(folder)})
    asked = {"name": "new", "source": "folder", "folder": str(folder)} | given
    page = member.post("/new/source/", asked)
    assert page.status == 422
    assert words in problems(page)[field]
    assert Source.objects.count() == 1


def test_nothing_uploaded_is_said_on_top(member: Visitor) -> None:
    page = member.post("/submit/", {"source": "upload", "script": "train.py"})
    assert page.status == 422
    assert "Choose a folder or files, and let them be uploaded." in page.text


def test_renaming_and_deleting(member: Visitor, folder: Path) -> None:
    member.post("/new/source/", {"name": "ridge", "source": "folder", "folder": str(folder)})
    page = member.post("/sources/ridge/rename/", {"name": "lasso"})
    assert page.location == "/sources/lasso/"
    assert member.post("/sources/lasso/rename/", {"name": "../x"}).status == 422
    assert f"Nothing changes in {folder}" in member.get("/sources/lasso/delete/").text
    assert member.post("/sources/lasso/delete/").location == "/sources/"
    assert "The source lasso is deleted" in member.get("/sources/").text
    assert not Source.objects.exists()


def test_the_picker_shows_folders_below_the_roots_alone(member: Visitor, folder: Path) -> None:
    top = member.get("/folders/")
    assert listed(top) == ["again", "lasso", "ridge", "runyard"]
    assert "Choose this folder" not in top.text
    assert "holds the studio's own data" in top.text
    inside = member.get("/folders/", {"path": str(folder)})
    assert (listed(inside), "train.py" in inside.text, ".env" in inside.text) == (
        ["items"], True, False,
    )  # fmt: skip
    assert f'data-choose="{folder}"' in inside.html
    assert listed(member.get("/folders/", {"path": str(folder.parent / "again")})) == ["items"]
    assert listed(member.get("/folders/", {"path": str(folder.parent / "runyard")})) == []


@pytest.mark.parametrize(
    "path", ["/", "/etc", "../..", "{root}/out", "{root}/..", "{root}/.hidden", "{root}/loop",
             "{root}/.hidden/inner", "{root}/runyard/data", "{root}/runyard/data/logs",
             "{root}/none", "\0"]
)  # fmt: skip
def test_the_picker_does_not_lead_elsewhere(path: str, member: Visitor, folder: Path) -> None:
    page = member.get("/folders/", {"path": path.format(root=folder.parent)})
    assert page.status == 200
    assert 'class="problem"' in page.html
    assert listed(page) == ["again", "lasso", "ridge", "runyard"]


def test_the_picker_escapes_names_and_leaves_out_those_it_cannot_write(
    member: Visitor, folder: Path
) -> None:
    for name in (b"a\nb", b"\xff", b"<b>", b'q"uote'):
        Path(os.fsdecode(os.fsencode(folder) + b"/items/" + name)).mkdir()
    page = member.get("/folders/", {"path": str(folder / "items")})
    assert listed(page) == ["<b>", 'q"uote']
    assert "<b>/" not in page.html


def test_several_roots_are_chosen_from(member: Visitor, folder: Path, settings: Any) -> None:
    settings.LINK_ROOTS = [folder, folder.parent / "lasso"]
    assert listed(member.get("/folders/")) == [str(folder), str(folder.parent / "lasso")]
    settings.LINK_ROOTS = []
    assert "switched off" in member.get("/folders/").text


def test_again_is_one_click(member: Visitor, run: Run, viewer: Visitor) -> None:
    assert f'action="/runs/{run.pk}/again/"' in member.get(f"/runs/{run.pk}/").html
    page = member.post(f"/runs/{run.pk}/again/")
    made = Run.objects.latest("pk")
    assert (page.location, made.snapshot) == (f"/runs/{made.pk}/", run.snapshot)
    seen = viewer.get(f"/runs/{run.pk}/").html
    assert "/again/" not in seen
    assert "/changes/" not in seen


def test_duplicate_and_edit_asks_which_files(member: Visitor, folder: Path) -> None:
    member.post("/submit/", {"source": "folder", "folder": str(folder), "script": "train.py"})
    run = Run.objects.get()
    (folder / "train.py").write_text("a = 1\nb = 3\n")
    (folder / "new <file>").touch()
    form = member.get("/submit/", {"from": str(run.pk)})
    assert f"Files of run {run.pk}" in form.text
    assert "On the server, as it is now" in form.text
    assert f'value="{folder}"' in form.html
    assert f'hx-get="/runs/{run.pk}/changes/"' in form.html
    for more in ({}, {"HTTP_HX_REQUEST": "true"}):
        changes = member.get(f"/runs/{run.pk}/changes/", **more)
        assert "1 added, 0 removed, 1 modified" in changes.text
        assert "b = 2 b = 3" in changes.text
        assert "new &lt;file&gt;" in changes.html
        assert ("<html" in changes.html) == (not more)


def test_what_cannot_be_compared_is_said(
    member: Visitor, viewer: Visitor, stranger: Visitor, folder: Path, make_run: MakeRun
) -> None:
    run = make_run(origin={"folder": str(folder.parent / "gone")})
    page = member.get(f"/runs/{run.pk}/changes/")
    assert (page.status, "There is no folder" in page.text) == (200, True)
    assert "brought from elsewhere" in member.get(f"/runs/{make_run().pk}/changes/").text
    assert viewer.get(f"/runs/{run.pk}/changes/").status == 403
    assert stranger.get(f"/runs/{run.pk}/changes/").status == 404


def test_links_modes_and_binaries_are_compared_in_words(
    member: Visitor, folder: Path, settings: Any
) -> None:
    for name, data in (("mode", b"x"), ("bin", b"\0a"), ("link", b"x")):
        (folder / name).write_bytes(data)
    member.post("/submit/", {"source": "folder", "folder": str(folder), "script": "train.py"})
    (folder / "mode").chmod(0o755)
    (folder / "bin").write_bytes(b"\0b")
    (folder / "link").unlink()
    (folder / "link").symlink_to("train.py")
    text = member.get(f"/runs/{Run.objects.get().pk}/changes/").text
    assert "Its mode went from 644 to 755." in text
    assert "Not a text." in text
    assert "A file became a link to train.py." in text


def test_strangers_compare_nothing(stranger: Visitor, viewer: Visitor, run: Run) -> None:
    address = f"/snapshots/{run.snapshot.digest}/changes/?to={run.snapshot.digest}"
    assert stranger.get(address).status == 404
    assert "both have the same files" in viewer.get(address).text
    assert viewer.get(f"/snapshots/{run.snapshot.digest}/changes/").status == 404
