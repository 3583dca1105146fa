"""Mirrors: refs mean what git says, only what is new is fetched, nothing else is run or read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runs import mirrors
from runs.giturls import GitRefused, read_address
from runs.mirrors import sweep
from tests.gitsources.repositories import Fetcher, Repository
from tests.runs.sources import one_sentence
from tests.waiting import eventually

TOP = Path(__file__).resolve().parents[2]


def refused(fetcher: Fetcher, url: str | Path, ref: str = "", **more: object) -> str:
    with pytest.raises(GitRefused) as caught:
        fetcher.commit(url, ref, **more)
    sentence = str(caught.value)
    return sentence if sentence.endswith("?") else one_sentence(caught.value)


def packs(fetcher: Fetcher) -> int:
    return len(list(fetcher.root.glob("*/objects/pack/*.pack")))


# what a ref means


def test_a_branch_a_tag_and_a_commit(repository: Repository, fetcher: Fetcher) -> None:
    first = repository.head
    repository.git("tag", "plain")
    repository.git("tag", "--annotate", "--message", "t", "v1.0")
    repository.git("branch", "topic/one")
    second = repository.commit(a__py="1")
    url = repository.path
    assert fetcher.commit(url).sha == second
    assert fetcher.commit(url).branch == "main"
    assert fetcher.commit(url, "HEAD").branch == "main"
    assert fetcher.commit(url, "main").sha == second
    for ref in ("topic/one", "refs/heads/topic/one"):
        found = fetcher.commit(url, ref)
        assert (found.sha, found.branch) == (first, "topic/one")
    for ref in (
        "plain",
        "v1.0",
        "tags/v1.0",
        "refs/tags/v1.0",
        first,
        first[:7],
        first[:9].upper(),
    ):
        found = fetcher.commit(url, ref)
        assert (found.sha, found.branch) == (first, ""), ref


def test_a_full_commit_that_no_branch_names(repository: Repository, fetcher: Fetcher) -> None:
    hidden = repository.commit(a__py="1")
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    assert fetcher.commit(repository.path, hidden).sha == hidden


def test_a_short_commit_in_the_middle_of_history(repository: Repository, fetcher: Fetcher) -> None:
    commits = [repository.commit(a__py=str(n)) for n in range(5)]
    fetcher.commit(repository.path)  # only the newest is here
    assert fetcher.commit(repository.path, commits[1][:10]).sha == commits[1]


def test_a_ref_that_is_not_there_names_those_that_are(
    repository: Repository, fetcher: Fetcher
) -> None:
    repository.git("branch", "experiments/lr")
    url = repository.path
    assert f"'mian' in {url}: did you mean main?" in refused(fetcher, url, "mian")
    assert "did you mean experiments/lr?" in refused(fetcher, url, "lr")
    assert "it has experiments/lr, main." in refused(fetcher, url, "zzz")
    assert "'deadbeef'" in refused(fetcher, url, "deadbeef")
    assert "no branch, tag or commit" in refused(fetcher, url, "0" * 40)
    assert "is no commit" in refused(fetcher, url, _tag_of_a_tree(repository))


def _tag_of_a_tree(repository: Repository) -> str:
    repository.git("tag", "tree", "HEAD^{tree}")
    return "tree"


def test_an_empty_repository_is_called_so(tmp_path: Path, fetcher: Fetcher) -> None:
    empty = Repository(tmp_path / "empty")
    assert "no default branch" in refused(fetcher, empty.path)
    assert "it is empty." in refused(fetcher, empty.path, "main")


@pytest.mark.parametrize(
    "ref",
    ["--upload-pack=touch x", "-x", "HEAD~1", "a b", "a:b", "main@{1}", "a..b", "x\n", "*", "a^{}"],
)
def test_a_ref_that_is_none_is_refused(ref: str, fetcher: Fetcher, repository: Repository) -> None:
    sentence = refused(fetcher, repository.path, ref)
    assert "is an option" in sentence or "cannot be a branch" in sentence


# what is fetched


def test_only_what_is_new_is_fetched(repository: Repository, fetcher: Fetcher) -> None:
    repository.commit(big__bin=os.urandom(200_000).hex())
    fetcher.commit(repository.path)
    mirror = next(path for path in fetcher.root.iterdir() if path.is_dir() and path.name != "rooms")
    assert packs(fetcher) == 1
    fetcher.commit(repository.path)
    fetcher.commit(repository.path, repository.head)
    assert packs(fetcher) == 1
    new = repository.commit(a__py="1")
    assert fetcher.commit(repository.path).sha == new
    sizes = sorted(path.stat().st_size for path in mirror.glob("objects/pack/*.pack"))
    assert len(sizes) == 2
    assert sizes[0] < 2000


def test_history_stays_where_it_is(repository: Repository, fetcher: Fetcher) -> None:
    repository.commit(big__bin=os.urandom(200_000).hex())
    repository.commit(big__bin="")
    fetcher.commit(repository.path)
    pack = next(fetcher.root.glob("*/objects/pack/*.pack"))
    assert pack.stat().st_size < 2000


def test_a_branch_that_was_moved_back_is_followed(repository: Repository, fetcher: Fetcher) -> None:
    first = repository.head
    repository.commit(a__py="1")
    fetcher.commit(repository.path)
    repository.git("reset", "--quiet", "--hard", first)
    assert fetcher.commit(repository.path).sha == first
    other = repository.commit(b__py="2")
    assert fetcher.commit(repository.path).sha == other


def test_owners_share_nothing(repository: Repository, fetcher: Fetcher) -> None:
    head = repository.head
    fetcher.commit(repository.path, owner="1")
    shutil.rmtree(repository.path / ".git" / "objects")
    (repository.path / ".git" / "objects").mkdir()
    assert fetcher.commit(repository.path, head, owner="1").sha == head
    assert refused(fetcher, repository.path, head, owner="2")


def test_what_takes_too_long_is_given_up(repository: Repository, fetcher: Fetcher) -> None:
    slow = repository.path / ".git" / "objects"
    fifo = repository.path / ".git" / "packed-refs"
    os.mkfifo(fifo)  # git waits for somebody to write into it
    started = time.monotonic()
    assert "took too long" in refused(fetcher, repository.path, limit_s=1)
    assert time.monotonic() - started < 10
    assert slow.exists()
    assert list((fetcher.root / "rooms").iterdir()) == []


def test_what_is_too_big_is_given_up(
    repository: Repository, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.gitprocess._TICK_S", 0.001)
    (repository.path / "big.bin").write_bytes(os.urandom(40 << 20))
    repository.commit()
    assert "sends more than 1.0 MiB" in refused(fetcher, repository.path, max_bytes=1 << 20)


def test_one_fetches_after_the_other(repository: Repository, fetcher: Fetcher) -> None:
    found: list[str] = []
    with fetcher.mirror(repository.path) as mirror:
        other = threading.Thread(target=lambda: found.append(fetcher.commit(repository.path).sha))
        other.start()
        eventually(lambda: "Another import of this repository is going on" in fetcher.heard)
        assert not found
        assert mirror.commit("").sha == repository.head
    other.join(20)
    assert found == [repository.head]


def test_a_crowded_mirror_begins_anew(
    repository: Repository, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "_CROWDED_PACKS", 2)
    for n in range(4):
        head = repository.commit(a__py=str(n))
        assert fetcher.commit(repository.path).sha == head
    assert packs(fetcher) == 1


def test_a_mirror_that_nobody_uses_is_removed(repository: Repository, fetcher: Fetcher) -> None:
    fetcher.commit(repository.path)
    fetcher.commit(repository.path, owner="2")
    room = fetcher.root / "rooms" / "git-left"
    room.mkdir()
    folders = [path for path in fetcher.root.iterdir() if path.is_dir() and path.name != "rooms"]
    old = time.time() - mirrors.UNUSED_S - 1
    os.utime(folders[0], (old, old))
    os.utime(room, (old, old))
    sweep(fetcher.root)
    assert [path.exists() for path in (*folders, room)] == [False, True, False]


# what is not run and not read


def test_nothing_of_the_repository_is_run(
    repository: Repository, fetcher: Fetcher, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    for name in ("pre-upload", "post-checkout", "reference-transaction", "post-update"):
        hook = repository.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {trap}\n")
        hook.chmod(0o755)
    for key in ("uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand"):
        repository.git("config", key, f"touch {trap}; true")
    assert fetcher.commit(repository.path).sha == repository.head
    assert not trap.exists()


def test_settings_and_variables_of_the_user_are_not_read(
    repository: Repository, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[uploadpack]\n\tpackObjectsHook = "touch {trap}; exit 1"\n'
        f'[url "/nowhere/"]\n\tinsteadOf = {repository.path.parent}/\n'
        f'[init]\n\ttemplateDir = "{home}"\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    frozen = fetcher.freeze(repository.path)
    assert frozen.manifest.paths == {"train.py"}
    assert not trap.exists()
    assert not (tmp_path / "trace").exists()


def test_a_repository_of_somebody_else_can_be_read(
    repository: Repository, fetcher: Fetcher
) -> None:
    if os.geteuid() == 0:  # only root may give files away
        for path in (repository.path, *repository.path.rglob("*")):
            os.chown(path, 65534, 65534)
    assert fetcher.commit(repository.path).branch == "main"


def test_a_repository_whose_files_lie_elsewhere_is_refused(
    repository: Repository, fetcher: Fetcher, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    repository.git("worktree", "add", "--quiet", str(linked), "-b", "other")
    assert "keeps its files elsewhere" in refused(fetcher, linked)
    for name in ("refs", "objects", "HEAD"):
        pretended = tmp_path / f"pretended-{name}"
        shutil.copytree(repository.path / ".git", pretended)
        shutil.rmtree(pretended / name) if name != "HEAD" else (pretended / name).unlink()
        (pretended / name).symlink_to(repository.path / ".git" / name)
        assert "keeps its files elsewhere" in refused(fetcher, pretended)
    (tmp_path / "way").mkdir()
    (tmp_path / "way" / ".git").symlink_to(repository.path / ".git")
    assert "keeps its files elsewhere" in refused(fetcher, tmp_path / "way")
    borrowing = tmp_path / "borrowing"
    repository.git("clone", "--quiet", "--shared", ".", str(borrowing))
    assert "borrows objects" in refused(fetcher, borrowing)


def test_what_is_no_repository_is_named(tmp_path: Path, fetcher: Fetcher) -> None:
    assert "no git repository" in refused(fetcher, tmp_path)
    assert "no git repository" in refused(fetcher, tmp_path / "none")


def test_a_studio_without_git_starts_and_says_so(
    repository: Repository, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = [sys.executable, "-c", "import runs.gittrees"]
    done = subprocess.run(words, cwd=TOP, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert "git is not installed" in refused(fetcher, repository.path)


def test_only_the_protocol_of_the_address_is_spoken(
    repository: Repository, fetcher: Fetcher
) -> None:
    with fetcher.mirror(repository.path) as mirror:
        assert mirror.room.environment["GIT_ALLOW_PROTOCOL"] == "file"
        object.__setattr__(mirror, "address", read_address("https://127.0.0.1:1/x"))
        with pytest.raises(GitRefused, match="transport 'https' not allowed"):
            mirror.commit("")
