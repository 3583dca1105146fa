"""The ignore rules, held against git itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.client.folder import scan
from studio.client.ignore import Patterns

CHARACTERS = ["a", "b", "c", ".", "-", " ", "[", "\\", "!", "#", "é", "]", "*", "Z", "0"]
PIECES = [
    "a", "b", "c", "ab", ".", "/", "/", "*", "*", "**", "**/", "/**", "***", "?", "!", "#", " ",
    "\\", "\\ ", "\\*", "\\a", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[a-", "[!]]", "-", "é",
    "[[:alpha:]]", "[[:digit:]b]", "[[:nonsense:]]", "[[:a]", "[b-a]", "[\\]a]", "[a\\-c]", "[*?]",
    "[/a]", "[", "]", "[[.a]", "[a-[:alpha:]]", "*.c", "a*b", "\t", "\r",
]  # fmt: skip

names = st.text(st.sampled_from(CHARACTERS), min_size=1, max_size=3).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
lines = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
texts = st.lists(lines, max_size=5).map("\n".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        top = tmp_path_factory.mktemp("repository")
        subprocess.run(["git", "init", "-q", top], check=True)
        yield top


def write(top: Path, files: list[str]) -> list[str]:
    """Make the files that can be made; those in the way of earlier ones are left out."""
    made = []
    for file in files:
        path = top / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError:
            continue
        made.append(file)
    return made


def empty(top: Path) -> None:
    for path in top.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (top / ".git/info/exclude").write_text("")


def git_keeps(top: Path, below: str = "") -> set[str]:
    """The files that git does not ignore."""
    everything = {
        str(path.relative_to(top))
        for path in top.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and ".git" not in path.relative_to(top).parts
    }
    answer = subprocess.run(
        ["git", "-C", top, "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(everything).encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    assert answer.returncode in (0, 1)
    kept = everything - set(answer.stdout.decode().split("\0"))
    return {path.removeprefix(below) for path in kept if path.startswith(below)}


def scanned(folder: Path) -> set[str]:
    return {entry["path"] for entry in scan(folder)}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    files=st.lists(paths, min_size=1, max_size=12),
    top_rules=texts,
    nested_rules=texts,
    exclude=texts,
)
def test_it_leaves_out_what_git_leaves_out(
    repository: Path, files: list[str], top_rules: str, nested_rules: str, exclude: str
) -> None:
    empty(repository)
    made = write(repository, files)
    (repository / ".gitignore").write_bytes(top_rules.encode())
    (repository / ".git/info/exclude").write_bytes(exclude.encode())
    folders = {Path(file).parent for file in made} - {Path()}
    for folder in sorted(folders)[:2]:
        (repository / folder / ".gitignore").write_bytes(nested_rules.encode())
    assert scanned(repository) == git_keeps(repository)


raw = st.lists(
    st.sampled_from([b"a", b"b", b"\xc3", b"\xa9", b"\xff", b"\n", b"*", b"?", b"[", b"]", b"-"]),
    min_size=1,
    max_size=4,
).map(b"".join)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(given_names=st.sets(raw, min_size=1, max_size=8), rules=st.lists(raw, max_size=4))
def test_bytes_that_are_no_text_are_compared_as_git_does(
    repository: Path, given_names: set[bytes], rules: list[bytes]
) -> None:
    empty(repository)
    text = b"\n".join(rules)
    (repository / ".gitignore").write_bytes(text)
    asked = sorted(given_names)
    answer = subprocess.run(
        ["git", "-C", repository, "check-ignore", "--no-index", "-z", "--stdin"],
        input=b"\0".join(asked),
        stdout=subprocess.PIPE,
        check=False,
    )
    ignored = set(answer.stdout.split(b"\0")) - {b""}
    patterns = Patterns(text)
    assert {n for n in asked if patterns.verdict(n, n, is_folder=False)} == ignored


@settings(max_examples=300, deadline=None)
@given(pattern=lines, name=names)
def test_a_pattern_never_breaks_the_reading(pattern: str, name: str) -> None:
    Patterns(pattern.encode()).verdict(name.encode(), name.encode(), is_folder=False)


@pytest.mark.parametrize(
    "rules",
    [
        "*.log\n!keep.log",
        "/build",
        "build/",
        "docs/**/draft",
        "**/draft",
        "docs/**",
        "a/*/c",
        "trailing\\ ",
        "\\#hash\n\\!bang",
        "[[:upper:]]*",
        "*\n!*/\n!*.py",
        "docs/*\n!docs/keep.log",
        "docs/\n!docs/keep.log",
        "\ufeffbuild",
        "build\r\nkeep.log\r\n",
        "do**cs/*.log",
        "docs**/keep.log",
        "/**/draft",
        "docs//draft",
        "/",
        "!",
        "docs\\",
        "[z-a]",
        "build/*\n!build/draft",
    ],
)
def test_known_rules(repository: Path, rules: str) -> None:
    empty(repository)
    write(
        repository,
        [
            "x.log", "keep.log", "build/x", "build/draft", "docs/keep.log", "docs/draft",
            "docs/a/draft", "docs/a/b/draft", "a/b/c", "a/b/d/c", "trailing ", "#hash", "!bang",
            "Upper", "src/build/x", "src/x.py", "docsx/keep.log", "docs\\",
        ],
    )  # fmt: skip
    (repository / ".gitignore").write_text(rules)
    assert scanned(repository) == git_keeps(repository)


def test_a_folder_rule_does_not_fit_a_link_to_a_folder(repository: Path) -> None:
    empty(repository)
    write(repository, ["real/x"])
    (repository / "build").symlink_to("real")
    (repository / ".gitignore").write_text("build/\n")
    assert scanned(repository) == git_keeps(repository) == {".gitignore", "build", "real/x"}


def test_a_linked_ignore_file_does_not_count(repository: Path) -> None:
    empty(repository)
    write(repository, ["x.log"])
    (repository / "rules").write_text("*.log")
    (repository / ".gitignore").symlink_to("rules")
    assert scanned(repository) == git_keeps(repository)
    assert "x.log" in scanned(repository)


def test_files_above_the_folder_count(repository: Path) -> None:
    empty(repository)
    write(repository, ["one/two/x.log", "one/two/x.tmp", "one/two/x.bak", "one/two/x.py"])
    (repository / ".gitignore").write_text("*.log\n/one/two/*.bak")
    (repository / "one/.gitignore").write_text("*.tmp")
    assert scanned(repository / "one/two") == git_keeps(repository, "one/two/") == {"x.py"}


def test_a_folder_that_is_itself_ignored_is_sent_when_it_is_named(repository: Path) -> None:
    empty(repository)
    write(repository, ["scratch/train.py", "scratch/x.log"])
    (repository / ".gitignore").write_text("scratch/\n*.log\n")
    assert scanned(repository / "scratch") == {"train.py", "x.log"}


def test_a_linked_work_tree_uses_the_exclude_file_of_its_repository(
    repository: Path, tmp_path: Path
) -> None:
    empty(repository)
    git = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "tree")], check=True)
    try:
        (repository / ".git/info/exclude").write_text("*.log")
        write(tmp_path / "tree", ["x.log", "x.py"])
        assert scanned(tmp_path / "tree") == {"x.py"}
    finally:
        subprocess.run([*git, "worktree", "remove", "--force", str(tmp_path / "tree")], check=True)


def test_amlignore_replaces_every_other_file(repository: Path) -> None:
    empty(repository)
    write(repository, ["x.log", "x.csv", "sub/x.log", "sub/x.csv"])
    (repository / ".gitignore").write_text("*.log")
    (repository / "sub/.gitignore").write_text("*.log")
    (repository / ".amlignore").write_text("*.csv")
    kept = {".amlignore", ".gitignore", "x.log", "sub/.gitignore", "sub/x.log"}
    assert scanned(repository) == kept


def test_defaults_hold_and_can_be_taken_back(repository: Path) -> None:
    empty(repository)
    write(repository, ["__pycache__/x.pyc", ".venv/x", "node_modules/x", "x.py", ".DS_Store"])
    assert scanned(repository) == {"x.py"}
    (repository / ".gitignore").write_text("!node_modules")
    assert scanned(repository) == {".gitignore", "node_modules/x", "x.py"}


def test_a_virtual_environment_of_any_name_is_left_out(repository: Path) -> None:
    empty(repository)
    write(repository, ["py311/pyvenv.cfg", "py311/bin/python", "x.py"])
    assert scanned(repository) == {"x.py"}
    (repository / ".gitignore").write_text("!py311")
    assert "py311/bin/python" in scanned(repository)


def test_git_history_is_never_kept(repository: Path) -> None:
    empty(repository)
    write(repository, ["x.py", "vendored/.git/HEAD", "vendored/x.py"])
    (repository / ".gitignore").write_text("!.git")
    assert scanned(repository) == {".gitignore", "x.py", "vendored/x.py"}


def test_a_hostile_pattern_costs_no_exponential_time(repository: Path) -> None:
    empty(repository)
    name = "a" * 200
    write(repository, [name])
    (repository / ".gitignore").write_text("a*" * 60 + "b\n" + "**/a*/" * 20 + "b\n")
    assert name in scanned(repository)
