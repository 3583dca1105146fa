"""Git facts of real repositories, and that describing one runs nothing it brought along."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from studio.client.gitfacts import git_facts, public_url


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Git without the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nname = n\nemail = e@x\n[init]\ndefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return settings


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


@pytest.fixture
def repository(fresh: Path) -> Path:
    (fresh / "sub").mkdir()
    (fresh / "train.py").write_text("print(1)\n")
    (fresh / "sub/model.py").write_text("x = 1\n")
    commit(fresh)
    return fresh


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *words], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "state")


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")


def trap(folder: Path) -> tuple[str, Path]:
    """A command that leaves a trace when anybody runs it."""
    trace = folder.parent / "trace"
    script = folder.parent / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trace}\ncat\n")
    script.chmod(0o755)
    return str(script), trace


def test_a_clean_repository(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "git@example.org:team/code.git")
    assert git_facts(repository) == {
        "repository": "git@example.org:team/code.git",
        "branch": "main",
        "commit": head(repository),
        "dirty": False,
        "untracked": [],
        "diff": "",
    }


def test_no_work_tree_has_no_facts(tmp_path: Path) -> None:
    assert git_facts(tmp_path) == {}


def test_no_git_has_no_facts(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert git_facts(repository) == {}


def test_a_repository_without_commits(fresh: Path) -> None:
    (fresh / "staged.py").write_text("1\n")
    git(fresh, "add", "staged.py")
    (fresh / "new.py").write_text("2\n")
    facts = git_facts(fresh)
    assert (facts["branch"], facts["commit"], facts["repository"]) == ("main", "", "")
    assert (facts["dirty"], facts["untracked"]) == (True, ["new.py"])
    assert "+++ b/staged.py\n" in str(facts["diff"])


def test_an_empty_repository_is_clean(fresh: Path) -> None:
    facts = git_facts(fresh)
    assert (facts["commit"], facts["dirty"], facts["diff"]) == ("", False, "")


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    facts = git_facts(repository)
    assert (facts["branch"], facts["commit"]) == ("", head(repository))


def test_the_diff_restores_the_files(repository: Path, tmp_path: Path) -> None:
    (repository / "old.bin").write_bytes(bytes(range(256)))
    (repository / "latin.txt").write_bytes(b"caf\xe9\n")
    (repository / "gone.py").write_text("gone\n")
    commit(repository)
    git(repository, "clone", "-q", str(repository), str(tmp_path / "copy"))
    (repository / "train.py").write_text("print(2)\n")
    git(repository, "add", "train.py")
    (repository / "train.py").write_text("print(3)")
    (repository / "old.bin").write_bytes(bytes(range(255, -1, -1)) * 50)
    (repository / "latin.txt").write_bytes(b"caf\xe9s\n")
    (repository / "gone.py").unlink()
    (repository / "added.sh").write_text("exit\n")
    (repository / "added.sh").chmod(0o755)
    git(repository, "add", "added.sh")
    facts = git_facts(repository)
    patch = str(facts["diff"]).encode("utf-8", errors="surrogateescape")
    subprocess.run(["git", "-C", tmp_path / "copy", "apply"], input=patch, check=True)
    for name in ("train.py", "old.bin", "latin.txt", "added.sh", "sub/model.py"):
        assert (tmp_path / "copy" / name).read_bytes() == (repository / name).read_bytes()
    assert not (tmp_path / "copy/gone.py").exists()
    assert os.access(tmp_path / "copy/added.sh", os.X_OK)


def test_untracked_files_make_it_dirty_and_ignored_ones_do_not(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    commit(repository)
    (repository / "x.log").touch()
    assert git_facts(repository)["dirty"] is False
    (repository / "new").mkdir()
    (repository / "new/a b\nc").touch()
    (repository / "new/d").touch()
    facts = git_facts(repository)
    assert (facts["dirty"], facts["untracked"]) == (True, ["new/a b\nc", "new/d"])


def test_facts_of_a_sub_folder_are_its_own(repository: Path) -> None:
    (repository / "train.py").write_text("changed")
    (repository / "outside").touch()
    facts = git_facts(repository / "sub")
    assert (facts["dirty"], facts["untracked"], facts["diff"]) == (False, [], "")
    (repository / "sub/model.py").write_text("x = 2\n")
    (repository / "sub/new").touch()
    facts = git_facts(repository / "sub")
    assert (facts["dirty"], facts["untracked"]) == (True, ["new"])
    assert "--- a/sub/model.py" in str(facts["diff"])
    assert "train.py" not in str(facts["diff"])


def test_a_staged_rename_is_a_change(repository: Path) -> None:
    git(repository, "mv", "train.py", "fit.py")
    facts = git_facts(repository)
    assert (facts["dirty"], facts["untracked"]) == (True, [])


def test_the_diff_does_not_depend_on_taste(repository: Path, own_settings: Path) -> None:
    (repository / "train.py").write_text("print(2)\n")
    plain = git_facts(repository)["diff"]
    with own_settings.open("a") as file:
        file.write("[color]\nui = always\n[diff]\nnoprefix = true\nmnemonicPrefix = true\n")
        file.write("relative = true\n[status]\nshowUntrackedFiles = no\n")
    (repository / "new").touch()
    facts = git_facts(repository)
    assert (facts["diff"], facts["untracked"]) == (plain, ["new"])


def test_the_remote_of_the_branch_is_named(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://example.org/origin.git")
    git(repository, "remote", "add", "fork", "https://user:token@example.org/fork.git")
    git(repository, "config", "branch.main.remote", "fork")
    git(repository, "config", "branch.main.merge", "refs/heads/main")
    assert git_facts(repository)["repository"] == "https://example.org/fork.git"


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://user:pass@example.org/a.git", "https://example.org/a.git"),
        ("https://token@example.org:8443/a.git", "https://example.org:8443/a.git"),
        ("https://a@b@example.org/a.git", "https://example.org/a.git"),
        ("https://example.org/a.git?private_token=x#y", "https://example.org/a.git"),
        ("HTTPS://user:pass@example.org/a", "HTTPS://example.org/a"),
        ("ssh://git:pass@example.org:22/a.git", "ssh://git@example.org:22/a.git"),
        ("git+ssh://git@example.org/a.git", "git+ssh://git@example.org/a.git"),
        ("ftp://user:pass@example.org/a", "ftp://example.org/a"),
        ("git@example.org:team/a.git", "git@example.org:team/a.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_credentials(url: str, public: str) -> None:
    assert public_url(url) == public


def test_variables_that_point_git_elsewhere_do_not_count(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert git_facts(repository)["dirty"] is False


def test_reading_does_not_write_the_index(repository: Path) -> None:
    index = repository / ".git/index"
    then = index.stat().st_mtime_ns
    (repository / "sub/model.py").write_text("x = 2\n")
    plain = git_facts(repository)
    os.utime(repository / "train.py", (1, 1))
    assert git_facts(repository) == plain
    os.utime(repository / "sub/model.py", (1, 1))
    assert git_facts(repository) == plain
    assert index.stat().st_mtime_ns == then


def test_a_refusal_of_git_is_told(repository: Path) -> None:
    (repository / ".git/config").write_text("[broken")
    trouble = str(git_facts(repository)["trouble"])
    assert trouble.startswith("git did not describe the folder: fatal: bad config")


def test_no_file_system_monitor_hook_or_conversion_runs(repository: Path) -> None:
    command, trace = trap(repository)
    hooks = repository.parent / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "pre-auto-gc"):
        (hooks / hook).symlink_to(command)
    git(repository, "config", "core.hooksPath", str(hooks))
    git(repository, "config", "core.fsmonitor", command)
    git(repository, "config", "diff.external", command)
    git(repository, "config", "diff.trap.command", command)
    git(repository, "config", "diff.trap.textconv", command)
    git(repository, "config", "filter.trap.clean", command)
    git(repository, "config", "filter.trap=odd.process", command)
    git(repository, "config", "filter.trap.required", "true")
    (repository / ".git/info/attributes").write_text(
        "train.py diff=trap filter=trap\nsub/model.py filter=trap=odd\n"
    )
    (repository / "train.py").write_text("print(2)\n")
    (repository / "sub/model.py").write_text("x = 2\n")
    facts = git_facts(repository)
    assert "+print(2)" in str(facts["diff"])
    assert "+x = 2" in str(facts["diff"])
    assert not trace.exists()
    git(repository, "status")
    assert trace.exists()


def test_a_filter_of_the_user_still_works(repository: Path, own_settings: Path) -> None:
    git(repository, "config", "--file", str(own_settings), "filter.up.clean", "tr a-z A-Z")
    git(repository, "config", "filter.up.clean", "false")
    git(repository, "config", "filter.up.required", "true")
    (repository / ".git/info/attributes").write_text("train.py filter=up\n")
    (repository / "train.py").write_text("print(2)\n")
    assert "+PRINT(2)" in str(git_facts(repository)["diff"])


def test_nothing_is_fetched(repository: Path) -> None:
    command, trace = trap(repository)
    git(repository, "remote", "add", "origin", f"ext::{command}")
    git(repository, "config", "protocol.ext.allow", "always")
    git(repository, "config", "remote.origin.promisor", "true")
    git(repository, "config", "extensions.partialClone", "origin")
    blob = git(repository, "rev-parse", "HEAD:train.py")
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()
    (repository / "train.py").write_text("print(2)\n")
    assert "trouble" in git_facts(repository)
    assert not trace.exists()
