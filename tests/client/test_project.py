"""`runyard init`, and which studio a folder belongs to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.client.errors import NotFound, Refused
from studio.client.folder import scan
from studio.client.login import find_login, find_workspace
from studio.client.project import find_project, write_project
from studio.client.sdk.workspace import Workspace
from studio.models import Membership, Role
from studio.models import Workspace as Record
from tests.api.caller import Caller
from tests.client.conftest import Command

STUDIO, OTHER = "http://studio.example", "http://other.example"


@pytest.fixture
def log_in(home: Path) -> Callable[[str, str], None]:
    """Keeps a login as `runyard login` does."""

    def keep(url: str, token: str) -> None:
        place = home / ".config" / "runyard" / "login.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"url": url, "token": token}))

    return keep


def test_the_nearest_file_above_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    write_project(str(tmp_path), f"{OTHER}/", "")
    assert find_project(str(deep)) == (OTHER, "")
    written = write_project(str(tmp_path / "a"), STUDIO, "team")
    assert json.loads(Path(written).read_text()) == {"url": STUDIO, "workspace": "team"}
    monkeypatch.chdir(deep)
    assert find_project() == (STUDIO, "team")
    assert scan(tmp_path) == [], "it is no part of a snapshot"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": 3}', "\xff"])
def test_a_file_that_cannot_be_read_is_told(text: str, tmp_path: Path) -> None:
    write_project(str(tmp_path), STUDIO, "")
    (tmp_path / ".runyard/config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(Refused, match=r"config\.json cannot be read: `runyard init`"):
        find_project(str(tmp_path))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / ".runyard").touch()
    with pytest.raises(Refused, match="cannot be written: "):
        write_project(str(tmp_path), STUDIO, "")


def test_who_is_asked_first(
    log_in: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(STUDIO, "stored")
    assert find_login() == (STUDIO, "stored")
    assert find_login(project=(STUDIO, "")) == (STUDIO, "stored")
    with pytest.raises(Refused, match=f"No token is known for {OTHER}"):
        find_login(project=(OTHER, ""))
    monkeypatch.setenv("RUNYARD_TOKEN", "from the environment")
    assert find_login() == (STUDIO, "from the environment")
    with pytest.raises(Refused, match=f"No token is known for {OTHER}"):
        find_login(project=(OTHER, ""))  # a file that came with a folder names it
    monkeypatch.setenv("RUNYARD_URL", OTHER)
    assert find_login(project=(STUDIO, "")) == (OTHER, "from the environment")
    assert find_login(STUDIO) == (STUDIO, "stored")
    assert find_workspace((STUDIO, "team")) == ""
    assert find_workspace((OTHER, "team")) == "team"
    assert find_workspace(None) == ""


@pytest.fixture
def second(member: Caller) -> Record:
    """A second workspace of bob's."""
    made = Record.objects.create(slug="second", name="second")
    Membership.objects.create(user=member.user, workspace=made, role=Role.CONTRIBUTOR)
    return made


@pytest.mark.django_db(transaction=True)
def test_init_notes_studio_and_workspace_but_no_token(
    url: str,
    member: Caller,
    second: Record,
    log_in: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    runyard: Command,
) -> None:
    def said(*words: str) -> str:
        out, err = runyard(*words).communicate(timeout=20)
        return (out + err).decode()

    log_in(url, member.token)
    monkeypatch.chdir(tmp_path)
    assert said("init") == "runyard: bob belongs to main, second: name one workspace.\n"
    assert "belongs to no workspace 'third', but to main, second." in said(
        "init", "--workspace", "third"
    )
    assert not (tmp_path / ".runyard").exists()
    assert said("init", "--workspace", "second").endswith(f"workspace second of {url}\n")
    kept = (tmp_path / ".runyard/config.json").read_text()
    assert json.loads(kept) == {"url": url, "workspace": "second"}
    assert json.loads(said("runs", "--json"))["total"] == 0, "commands know the workspace from it"

    workspace = Workspace.from_config()
    workspace.connection.close()
    assert (workspace.name, workspace.url, workspace.user) == ("second", url, "bob")
    workspace.write_config(tmp_path / "elsewhere")
    assert find_project(str(tmp_path / "elsewhere")) == (url, "second")
    named = Workspace.from_config(tmp_path / "elsewhere/.runyard/config.json")
    named.connection.close()
    assert named.name == "second"
    with pytest.raises(NotFound, match=r"There is no \.runyard/config\.json in '/' or above it"):
        Workspace.from_config("/")
    # a file that names a studio which is gone can be written anew
    write_project(".", OTHER, "gone")
    assert "No token is known for http://other.example" in said("runs")
    assert said("init", "--workspace", "main").endswith(f"workspace main of {url}\n")
    assert find_project() == (url, "main")
