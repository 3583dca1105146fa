"""Manifests and frozen folders: one digest for the same files, sentences for the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs.blobs import BlobStore
from runs.snapshots import Entry, Manifest, ManifestRefused, snapshot_folder
from studio.client import folder as client
from studio.client.folder import FolderRefused, scan
from tests.runs.sources import LIMITS, make_source, one_sentence, sha


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path / "project")


def listed(*items: object) -> bytes:
    return json.dumps(items).encode()


def file(
    path: str, mode: object = 0o644, size: object = 0, name: object = None
) -> dict[str, object]:
    return {"path": path, "mode": mode, "size": size, "sha": name or sha(b"")}


def refused(text: bytes, **limits: int) -> str:
    with pytest.raises(ManifestRefused) as caught:
        Manifest.from_json(text, **{**LIMITS, **limits})
    return one_sentence(caught.value)


# manifests


def test_a_manifest_comes_back_from_json(store: BlobStore, source: Path) -> None:
    manifest = snapshot_folder(source, store, **LIMITS)
    assert Manifest.from_json(manifest.to_json(), **LIMITS) == manifest
    assert Manifest.trusted(manifest.to_json()) == manifest
    assert sha(manifest.to_json()) == manifest.digest


def test_a_manifest_answers_about_its_files(store: BlobStore, source: Path) -> None:
    manifest = snapshot_folder(source, store, **LIMITS)
    assert manifest.file_count == 8
    assert manifest.size_bytes == sum(entry.size for entry in manifest.entries) > 0
    assert "pkg/empty" in manifest.paths
    assert manifest.get("latest") == Entry("latest", link="pkg/model é.py")
    assert manifest.get("pkg") is None
    assert manifest.has_folder("pkg")
    assert not manifest.has_folder("pk")


def test_the_order_of_a_sent_manifest_does_not_matter() -> None:
    items = [file("b"), file("a"), {"path": "c", "link": "a"}]
    forward, backward = listed(*items), listed(*reversed(items))
    first = Manifest.from_json(forward, **LIMITS)
    assert first.digest == Manifest.from_json(backward, **LIMITS).digest
    assert [entry.path for entry in first.entries] == ["a", "b", "c"]


@pytest.mark.parametrize(("mode", "kept"), [(0o600, 0o644), (0o777, 0o755), (0o100, 0o755)])
def test_modes_come_down_to_two(mode: int, kept: int) -> None:
    manifest = Manifest.from_json(listed(file("a", mode)), **LIMITS)
    assert manifest.entries[0].mode == kept


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff", b"[" * 100_000, b"{}", b"3", b'"x"', b"null", b"[1]", b"[[]]", b"[{}]"],
)
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    assert "manifest" in refused(text)


@pytest.mark.parametrize(
    "item",
    [
        {"path": "a"},
        {"path": "a", "link": ""},
        {"path": "a", "link": "b", "sha": sha(b"")},
        {"path": 3, "link": "b"},
        {"path": None, "mode": 0, "size": 0, "sha": sha(b"")},
        file("a", mode="0644"),
        file("a", mode=-1),
        file("a", mode=0o120777),
        file("a", size=-1),
        file("a", size=1.5),
        file("a", size=None),
        file("a", name="../x"),
        file("a", name=sha(b"").upper()),
        {**file("a"), "more": 1},
    ],
)
def test_an_entry_of_another_shape_is_refused(item: object) -> None:
    assert "is no entry" in refused(listed(item))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc/passwd", "absolute"),
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("", "not a plain path"),
        ("a//b", "not a plain path"),
        ("./a", "not a plain path"),
        ("a/", "not a plain path"),
        ("a\nb", "line break"),
        ("x/" + "é" * 128, "longer than 255 bytes"),
        ("a\0b", "control character"),
        ("a\ud800", "not UTF-8"),
        ("/".join("d" * 200), "too deep"),
    ],
)
def test_a_path_that_is_none_is_refused(path: str, words: str) -> None:
    assert words in refused(listed(file(path)))
    assert words in refused(listed({"path": path, "link": "x"}))


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([file("a"), file("a")], "'a' comes twice"),
        ([file("a"), {"path": "a", "link": "b"}], "'a' comes twice"),
        ([file("a"), file("a/b")], "which is a file"),
        ([{"path": "a", "link": "."}, file("a/b/c")], "which is a link"),
        ([{"path": "a/b", "link": "../.."}], "leads out"),
        ([{"path": "a", "link": "/etc"}], "absolute path"),
        ([{"path": "d/up", "link": ".."}, {"path": "x", "link": "d/up/.."}], "leads out"),
    ],
)
def test_entries_that_cannot_lie_together_are_refused(items: list[object], words: str) -> None:
    assert words in refused(listed(*items))


def test_limits_hold_for_a_manifest() -> None:
    assert "2.0 KiB, more than" in refused(listed(file("big", size=2048)), max_bytes=1024)
    assert "more than the 2 files" in refused(listed(*map(file, "abc")), max_files=2)


# folders


def test_a_frozen_folder_is_in_the_store(store: BlobStore, source: Path) -> None:
    manifest = snapshot_folder(source, store, **LIMITS)
    for entry in manifest.entries:
        if entry.sha:
            assert store.path(entry.sha).read_bytes() == (source / entry.path).read_bytes()


def test_a_folder_that_cannot_be_sent_cannot_be_frozen(store: BlobStore, source: Path) -> None:
    (source / "data").symlink_to("/data")
    with pytest.raises(FolderRefused, match="absolute path"):
        snapshot_folder(source, store, **LIMITS)
    assert list(store.shas()) == []


def test_a_file_that_changes_after_the_scan_is_refused(
    store: BlobStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = scan(source)
    (source / "train.py").write_text("print(2)\n")
    monkeypatch.setattr(client, "scan", lambda *_, **__: entries)
    with pytest.raises(FolderRefused, match=r"'train\.py' changed"):
        snapshot_folder(source, store, **LIMITS)


def test_a_file_swapped_for_a_link_after_the_scan_is_refused(
    store: BlobStore, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = scan(source)
    (tmp_path / "elsewhere").write_text("print(1)\n")
    (source / "train.py").unlink()
    (source / "train.py").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(client, "scan", lambda *_, **__: entries)
    with pytest.raises(FolderRefused, match=r"'train\.py' changed"):
        snapshot_folder(source, store, **LIMITS)
