"""A git repository through the command line of a real studio, and the ways that refuse it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitsources.repositories import Repository
from tests.gitsources.servers import SshServer, sshd
from tests.studio_process import Studio, number_told

HERE = ("--environment", "here")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "ridge")
    (made.path / "sub").mkdir()
    (made.path / "sub" / "train.py").write_text("import sys\nprint('from git', *sys.argv[1:])\n")
    made.commit()
    return made


def test_a_commit_runs_and_is_the_snapshot_of_its_folder(
    studio: Studio, repository: Repository
) -> None:
    answer = studio.cli(
        "submit", "--git", str(repository.path), "--ref", "main", "--folder", "sub", "--wait",
        *HERE, "train.py", "--alpha", "1",
    )  # fmt: skip
    assert answer.code == 0, answer.stderr.decode()
    assert b"from git --alpha 1" in answer.stdout
    run = studio.run(number_told(answer.stdout))
    assert run["git"]["commit"] == repository.head
    assert (run["git"]["branch"], run["git"]["dirty"]) == ("main", False)
    folder = studio.run(studio.submit(repository.path / "sub", *HERE, "train.py"))
    assert folder["snapshot"] == run["snapshot"]


def test_what_is_refused_is_one_line(studio: Studio, repository: Repository) -> None:
    path = str(repository.path)
    for words, said in (
        (("--git", path, "--ref", "mian", "x.py"), "did you mean main?"),
        (("--git", path, "x.py"), "There is no script 'x.py'"),
        (("--git", "ext::sh -c x", "x.py"), "ext:: are not used"),
        (("--git", "https://a:hush@example.org/x", "x.py"), "under Git credentials"),
    ):
        answer = studio.cli("submit", *HERE, *words)
        assert answer.code == 1
        assert answer.stderr.decode().count("\n") == 1
        assert said in answer.stderr.decode()
        assert b"hush" not in answer.stderr
    for words in (("--ref", "main", "x.py"), ("--git", path, "--source", path, "x.py")):
        assert studio.cli("submit", *words).code == 2


@pytest.mark.ssh
def test_a_deploy_key_from_the_command_line(
    studio: Studio, repository: Repository, tmp_path: Path
) -> None:
    with sshd(tmp_path) as server:
        url = server.url(repository.path)
        assert _submitted(studio, url) == 1
        _add(studio, server, tmp_path)
        assert _submitted(studio, url) == 0
        listed = studio.cli("credentials", "list").stdout.decode()
        assert server.host in listed
        assert "ssh-ed25519 " in listed
        assert "PRIVATE" not in listed
        assert studio.cli("credentials", "remove", "deploy").code == 0
        assert _submitted(studio, url) == 1
    assert studio.cli("credentials", "add", "x").code == 2
    secret = server.deploy_key.splitlines()[2].encode()
    files = [path for path in studio.data_dir.rglob("*") if path.is_file()]
    assert [path for path in files if secret in path.read_bytes()] == []


def _add(studio: Studio, server: SshServer, folder: Path) -> None:
    words = ("--kind", "ssh_key", "--host", server.host, "--file", str(folder / "deploy"))
    added = studio.cli("credentials", "add", "deploy", *words)
    assert added.code == 0, added.stderr.decode()
    assert "PRIVATE" not in added.stdout.decode()


def _submitted(studio: Studio, url: str) -> int:
    return studio.cli("submit", "--git", url, "--folder", "sub", *HERE, "train.py").code
