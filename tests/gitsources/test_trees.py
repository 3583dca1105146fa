"""Commits as snapshots: the same files as the folder and the zip of them, and no others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runs.archives import snapshot_zip
from runs.giturls import GitRefused
from runs.snapshots import ManifestRefused, snapshot_folder
from studio.client.folder import FolderRefused
from tests.gitsources.repositories import LIMITS, Fetcher, Repository
from tests.runs.sources import make_source, one_sentence, sha

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    """The script directory with a bit of everything, committed."""
    made = Repository(make_source(tmp_path / "source"))
    made.commit()
    return made


def refused(fetcher: Fetcher, url: Path, folder: str = "", **limits: int) -> str:
    with pytest.raises((GitRefused, ManifestRefused, FolderRefused)) as caught:
        fetcher.freeze(url, "", folder, **limits)
    return one_sentence(caught.value)


def test_the_same_files_are_the_same_snapshot(
    source: Repository, fetcher: Fetcher, tmp_path: Path
) -> None:
    from_git = fetcher.freeze(source.path).manifest
    from_folder = snapshot_folder(source.path, fetcher.store, **LIMITS)
    packed = tmp_path / "source.zip"
    source.git("archive", "--format=zip", f"--output={packed}", "HEAD")
    with packed.open("rb") as file:
        from_zip = snapshot_zip(file, fetcher.store, **LIMITS)
    assert from_git.digest == from_folder.digest == from_zip.digest
    assert from_git.file_count == 8
    assert from_git.get("run.sh").mode == 0o755  # type: ignore[union-attr]
    assert from_git.get("latest").link == "pkg/model é.py"  # type: ignore[union-attr]
    for entry in from_git.entries:
        if entry.sha:
            assert (
                fetcher.store.path(entry.sha).read_bytes()
                == (source.path / entry.path).read_bytes()
            )


def test_a_sub_folder_is_the_same_snapshot_too(source: Repository, fetcher: Fetcher) -> None:
    from_git = fetcher.freeze(source.path, "", "pkg/").manifest
    assert from_git == snapshot_folder(source.path / "pkg", fetcher.store, **LIMITS)
    assert from_git.paths == {"model é.py", "empty", ".gitignore"}


def test_the_files_of_the_commit_and_not_of_the_work_tree(
    source: Repository, fetcher: Fetcher
) -> None:
    first = source.head
    source.commit(train__py="print(2)\n")
    (source.path / "train.py").write_text("not committed")
    assert fetcher.freeze(source.path, first).manifest.get("train.py").sha == sha(b"print(1)\n")  # type: ignore[union-attr]
    assert fetcher.freeze(source.path).manifest.get("train.py").sha == sha(b"print(2)\n")  # type: ignore[union-attr]


def test_an_amlignore_decides_alone(source: Repository, fetcher: Fetcher) -> None:
    source.commit(__amlignore="pkg/\nscratch/\n!__pycache__\n")
    source.git("add", "--force", "__pycache__/m.pyc", "x.log")
    source.commit()
    frozen = fetcher.freeze(source.path).manifest
    assert "pkg/empty" not in frozen.paths
    assert {"x.log", ".amlignore"} <= frozen.paths
    assert frozen == snapshot_folder(source.path, fetcher.store, **LIMITS)


def test_what_is_committed_counts_but_never_caches(source: Repository, fetcher: Fetcher) -> None:
    source.git("add", "--force", ".")
    source.git("commit", "--quiet", "--message", "all")
    paths = fetcher.freeze(source.path).manifest.paths
    assert {"x.log", "scratch/a.py"} <= paths
    assert not {"__pycache__/m.pyc", "env/pyvenv.cfg"} & paths


def test_submodules_are_left_out_and_named(
    source: Repository, repository: Repository, fetcher: Fetcher
) -> None:
    source.git("submodule", "--quiet", "add", str(repository.path), "libs/ridge")
    source.commit()
    frozen = fetcher.freeze(source.path)
    assert frozen.submodules == ("libs/ridge",)
    assert ".gitmodules" in frozen.manifest.paths
    assert not frozen.manifest.has_folder("libs")


def test_pointers_of_large_file_storage_are_named(source: Repository, fetcher: Fetcher) -> None:
    source.commit(model__bin=POINTER, notes__txt="version https://example.org\n")
    for _ in range(2):  # also when their hashes are remembered
        assert fetcher.freeze(source.path).pointers == ("model.bin",)


def test_an_unchanged_commit_is_not_read_again(
    source: Repository, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetcher.freeze(source.path)
    monkeypatch.setattr(fetcher.store, "put", None)
    assert fetcher.freeze(source.path) == first
    monkeypatch.undo()
    fetcher.store.delete(sha(b"print(1)\n"))
    assert fetcher.freeze(source.path) == first
    assert fetcher.store.has(sha(b"print(1)\n"))


def test_a_large_file_is_streamed(source: Repository, fetcher: Fetcher) -> None:
    data = os.urandom(3 << 20)
    (source.path / "big.bin").write_bytes(data)
    source.commit()
    frozen = fetcher.freeze(source.path, max_bytes=4 << 20).manifest
    assert frozen.get("big.bin").sha == sha(data)  # type: ignore[union-attr]
    assert fetcher.store.path(sha(data)).stat().st_size == len(data)


# refusals: nothing is kept then


def test_limits_are_judged_before_a_content_is_kept(source: Repository, fetcher: Fetcher) -> None:
    source.commit(big__txt="x" * 5000)
    assert "more than the 4.0 KiB" in refused(fetcher, source.path, max_bytes=4096)
    assert "more than the 3 files" in refused(fetcher, source.path, max_files=3)
    assert list(fetcher.store.shas()) == []


def test_a_link_that_leads_out_is_refused(source: Repository, fetcher: Fetcher) -> None:
    (source.path / "data").symlink_to("/data")
    source.commit()
    assert "absolute path /data" in refused(fetcher, source.path)
    (source.path / "data").unlink()
    (source.path / "data").symlink_to("../data")
    source.commit()
    assert "leads out" in refused(fetcher, source.path)
    assert list(fetcher.store.shas()) == []


@pytest.mark.parametrize(
    ("name", "words"), [(b"a\nb", "line break"), (b"\xff\xfe", "not UTF-8"), (b"a\x07", "control")]
)
def test_a_name_that_is_none_is_refused(
    name: bytes, words: str, source: Repository, fetcher: Fetcher
) -> None:
    (source.path / os.fsdecode(name)).touch()
    source.commit()
    assert words in refused(fetcher, source.path)


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("pgk", "There is no folder 'pgk' in the commit: there is pkg."),
        ("pkg/deep", "There is no folder 'deep' in pkg of the commit: there is none at all."),
        ("train.py", "There is no folder 'train.py'"),
        ("../x", "leads out"),
        ("/etc", "leads out"),
        ("--upload-pack=touch x", "There is no folder '--upload-pack=touch x'"),
    ],
)
def test_a_folder_that_is_not_there(
    folder: str, words: str, source: Repository, fetcher: Fetcher
) -> None:
    assert words in refused(fetcher, source.path, folder)


def hashed(repository: Repository, kind: str, data: bytes) -> str:
    """Write an object that git itself would not write."""
    words = ["git", "-C", str(repository.path), "hash-object", "-t", kind, "-w", "--stdin",
             "--literally"]  # fmt: skip
    return (
        subprocess.run(words, input=data, capture_output=True, check=True).stdout.decode().strip()
    )


def commit_of(repository: Repository, tree: str) -> None:
    sha = repository.git("commit-tree", tree, "-m", "made by hand")
    repository.git("update-ref", "refs/heads/main", sha)


def test_a_tree_of_trees_is_given_up(
    repository: Repository, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = repository.git("rev-parse", "HEAD^{tree}")
    for _ in range(9):  # a thousand million files in ten objects
        lines = b"".join(b"40000 d%d\0" % n + bytes.fromhex(tree) for n in range(10))
        tree = hashed(repository, "tree", lines)
    commit_of(repository, tree)
    assert "lists more than 500 files" in refused(fetcher, repository.path)


@pytest.mark.parametrize("name", [b"..", b"a/b", b"."])
def test_a_tree_that_would_lead_out_is_refused(
    name: bytes, repository: Repository, fetcher: Fetcher
) -> None:
    blob = repository.git("rev-parse", "HEAD:train.py")
    entry = b"100644 " + name + b"\0" + bytes.fromhex(blob)
    commit_of(repository, hashed(repository, "tree", entry))
    assert refused(fetcher, repository.path)
    assert list(fetcher.store.shas()) == []


def test_folders_that_are_nested_too_deep_are_refused(
    repository: Repository, fetcher: Fetcher
) -> None:
    tree = repository.git("rev-parse", "HEAD^{tree}")
    for _ in range(150):
        tree = hashed(repository, "tree", b"40000 d\0" + bytes.fromhex(tree))
    commit_of(repository, tree)
    assert "nested too deep" in refused(fetcher, repository.path)


def test_a_damaged_mirror_is_removed_and_comes_back(source: Repository, fetcher: Fetcher) -> None:
    fetcher.commit(source.path)
    for pack in fetcher.root.glob("*/objects/pack/*.pack"):
        data = pack.read_bytes()
        pack.chmod(0o644)
        pack.write_bytes(data[:200] + bytes(len(data) - 200))
    assert "could not be read and was removed" in refused(fetcher, source.path)
    assert fetcher.freeze(source.path).manifest.file_count == 8
