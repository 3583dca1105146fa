"""Zips: the same digest as the folder, a sentence for each that is wrong or hostile."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.archives import snapshot_zip
from runs.blobs import BlobStore
from runs.snapshots import Entry, ManifestRefused, snapshot_folder
from studio.client.folder import digest, scan
from tests.runs.sources import LIMITS, make_source, one_sentence, sha

WINDOWS, UNIX = 0, 3


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path / "project")


def info(name: str, *, system: int = UNIX, mode: int = 0o100644) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo("placeholder")
    made.filename = made.orig_filename = name
    made.create_system = system
    made.external_attr = mode << 16
    return made


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = 8) -> io.BytesIO:
    """A zip with exactly these names, however wrong."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members:
            entry = info(name) if isinstance(name, str) else name
            archive.writestr(entry, content, compress_type=method)
    packed.seek(0)
    return packed


def zip_refused(store: BlobStore, packed: io.BytesIO, **limits: int) -> str:
    with pytest.raises(ManifestRefused) as caught:
        snapshot_zip(packed, store, **{**LIMITS, **limits})
    assert list(store.shas()) == []
    return one_sentence(caught.value)


def folder_as_zip(folder: Path, prefix: str = "") -> io.BytesIO:
    members: list[tuple[str | zipfile.ZipInfo, bytes]] = []
    for path in sorted(folder.rglob("*")):
        name = prefix + str(path.relative_to(folder))
        if path.is_symlink():
            members.append((info(name, mode=0o120777), str(path.readlink()).encode()))
        elif path.is_dir():
            members.append((info(name + "/", mode=0o40755), b""))
        else:
            members.append((info(name, mode=path.stat().st_mode), path.read_bytes()))
    return zipped(*members)


def test_every_door_gives_the_same_digest(store: BlobStore, source: Path) -> None:
    by_command = digest(scan(source))
    assert snapshot_folder(source, store, **LIMITS).digest == by_command
    for prefix in ("", "project/", "./project/"):
        assert snapshot_zip(folder_as_zip(source, prefix), store, **LIMITS).digest == by_command


@pytest.mark.skipif(shutil.which("zip") is None, reason="apt-get install zip")
def test_a_zip_of_the_zip_command_gives_the_same_digest(
    store: BlobStore, source: Path, tmp_path: Path
) -> None:
    command = ["zip", "-q", "-r", "-y", tmp_path / "source.zip", source.name]
    subprocess.run(command, cwd=source.parent, check=True)
    with (tmp_path / "source.zip").open("rb") as packed:
        assert snapshot_zip(packed, store, **LIMITS).digest == digest(scan(source))


def test_amlignore_and_exclude_hold_in_a_zip(store: BlobStore) -> None:
    members = [("p/a.log", b""), ("p/b.csv", b""), ("p/.gitignore", b"*.log")]
    exclude = ("p/.git/info/exclude", b"*.csv")
    kept = snapshot_zip(zipped(*members, exclude), store, **LIMITS).paths
    assert kept == {".gitignore"}
    kept = snapshot_zip(zipped(*members, exclude, ("p/.amlignore", b"x")), store, **LIMITS).paths
    assert kept == {".gitignore", ".amlignore", "a.log", "b.csv"}


name = st.text(st.sampled_from("ab.*!é "), min_size=1, max_size=3).filter(
    lambda text: text not in (".", "..")
)
rules = st.lists(st.text(st.sampled_from("ab.*!/é "), max_size=4), max_size=4).map("\n".join)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(paths=st.lists(st.lists(name, min_size=1, max_size=3).map("/".join), max_size=8), text=rules)
def test_a_zip_keeps_what_a_folder_keeps(
    store: BlobStore, tmp_path: Path, paths: list[str], text: str
) -> None:
    top = tmp_path / "generated"
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir()
    for path in [*paths, "train.py"]:
        try:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).touch()
        except OSError:
            continue
    (top / ".gitignore").write_text(text)
    manifest = snapshot_zip(folder_as_zip(top), store, **LIMITS)
    assert manifest.digest == digest(scan(top))


def test_a_file_that_is_not_a_zip_is_refused(store: BlobStore) -> None:
    for content in (b"", b"no zip", b"PK\x03\x04" + b"x" * 100):
        assert "damaged" in zip_refused(store, io.BytesIO(content))


def test_an_empty_zip_has_no_files(store: BlobStore) -> None:
    assert snapshot_zip(zipped(), store, **LIMITS).file_count == 0


@pytest.mark.parametrize("cut", [1, 30, 100, 400])
def test_a_cut_zip_is_refused(store: BlobStore, cut: int) -> None:
    whole = zipped(("a", os.urandom(500))).getvalue()
    assert "damaged" in zip_refused(store, io.BytesIO(whole[:-cut]))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, 8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_content_is_refused(store: BlobStore, method: int) -> None:
    packed = bytearray(zipped(("a", os.urandom(5000)), method=method).getvalue())
    for at in range(1000, 1040):
        packed[at] ^= 0xFF
    assert "damaged" in zip_refused(store, io.BytesIO(packed))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, 8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_usual_method_is_read(store: BlobStore, method: int) -> None:
    manifest = snapshot_zip(zipped(("a", b"content"), method=method), store, **LIMITS)
    assert manifest.entries == (Entry("a", 0o644, 7, sha(b"content")),)


def test_an_unusual_method_is_refused(store: BlobStore) -> None:
    packed = zipped(("a", b"content"), method=0).getvalue()
    packed = packed.replace(
        b"PK\x03\x04\x14\x00\x00\x00\x00\x00", b"PK\x03\x04\x14\x00\x00\x00\x63\x00"
    )
    central = packed.index(b"PK\x01\x02") + 10
    packed = packed[:central] + struct.pack("<H", 99) + packed[central + 2 :]
    assert "unusual" in zip_refused(store, io.BytesIO(packed))


def test_an_encrypted_zip_is_refused(store: BlobStore) -> None:
    packed = bytearray(zipped(("a", b"content")).getvalue())
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in zip_refused(store, io.BytesIO(packed))


@pytest.mark.parametrize("path", ["/etc/passwd", "//x", "../x", "a/../../x", ".."])
def test_a_path_out_of_the_zip_is_refused(store: BlobStore, path: str) -> None:
    assert "The zip holds" in zip_refused(store, zipped((path, b"x"), ("b", b"")))


@pytest.mark.parametrize("path", ["C:\\x", "c:/x", "..\\x", "a\\..\\..\\x", "\\x"])
def test_a_windows_path_out_of_the_zip_is_refused(store: BlobStore, path: str) -> None:
    assert "The zip holds" in zip_refused(store, zipped((info(path, system=WINDOWS), b"x")))


def test_windows_separators_become_slashes(store: BlobStore) -> None:
    packed = zipped(
        (info("p\\sub\\", system=WINDOWS, mode=0), b""),
        (info("p\\sub\\a.py", system=WINDOWS, mode=0), b"a"),
        (info("p\\b.py", system=WINDOWS, mode=0), b"b"),
    )
    manifest = snapshot_zip(packed, store, **LIMITS)
    assert [(e.path, e.mode) for e in manifest.entries] == [("b.py", 0o644), ("sub/a.py", 0o644)]


def test_a_backslash_from_unix_is_a_letter(store: BlobStore) -> None:
    assert snapshot_zip(zipped(("a\\b", b""), ("c", b"")), store, **LIMITS).paths == {"a\\b", "c"}


def test_a_path_that_comes_twice_is_refused(store: BlobStore) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        packed = zipped(("a", b"1"), ("a", b"2"), ("b", b""))
    assert "'a' comes twice" in zip_refused(store, packed)
    assert "'a' comes twice" in zip_refused(store, zipped(("a", b"1"), ("./a", b"2"), ("b", b"")))


def test_a_file_where_a_folder_is_needed_is_refused(store: BlobStore) -> None:
    assert "which is a file" in zip_refused(store, zipped(("x/a", b""), ("x/a/b", b""), ("y", b"")))


def test_links_inside_are_kept(store: BlobStore) -> None:
    link = info("latest", mode=0o120777)
    manifest = snapshot_zip(zipped((link, b"a/b"), ("a/b", b"")), store, **LIMITS)
    assert manifest.get("latest") == Entry("latest", link="a/b")


@pytest.mark.parametrize("target", [b"../out", b"/etc/passwd", b"", b"\xff", b"x" * 5000])
def test_other_links_are_refused(store: BlobStore, target: bytes) -> None:
    packed = zipped((info("latest", mode=0o120777), target), ("a", b""))
    assert "'latest'" in zip_refused(store, packed)


def test_nothing_is_written_through_a_link(store: BlobStore) -> None:
    packed = zipped((info("a", mode=0o120777), b"."), ("a/b", b""), ("c", b""))
    assert "which is a link" in zip_refused(store, packed)


def test_a_device_is_refused(store: BlobStore) -> None:
    packed = zipped((info("dev", mode=stat.S_IFCHR | 0o666), b""), ("a", b""))
    assert "neither a file nor a link" in zip_refused(store, packed)


def test_too_many_bytes_are_refused_before_they_are_unpacked(store: BlobStore) -> None:
    packed = zipped(("big", b"x" * 3000), ("small", b"x"))
    sentence = zip_refused(store, packed, max_bytes=2000)
    assert "big (2.9 KiB), small (1 B)" in sentence


def test_too_many_files_are_refused(store: BlobStore) -> None:
    packed = zipped(*((f"f{number}", b"") for number in range(30)))
    assert "more than the 20 files" in zip_refused(store, packed, max_files=20)


def test_what_is_ignored_does_not_count(store: BlobStore) -> None:
    many = [(f"node_modules/{number}", b"x" * 100) for number in range(30)]
    manifest = snapshot_zip(zipped(("a", b""), *many), store, max_bytes=10, max_files=20)
    assert manifest.paths == {"a"}


def test_a_listing_without_end_is_not_read(store: BlobStore) -> None:
    packed = zipped(*((f"node_modules/{number}", b"") for number in range(60)), ("a", b""))
    assert "lists about 61 files" in zip_refused(store, packed, max_files=10)


def test_a_bomb_is_refused_by_its_ratio(store: BlobStore) -> None:
    packed = zipped(("bomb", bytes(40 << 20)))
    sentence = zip_refused(store, packed, max_bytes=1 << 30)
    assert "would unpack to 40.0 MiB, more than 200 times" in sentence


def test_a_bomb_of_ignore_files_is_refused(store: BlobStore) -> None:
    packed = zipped((".gitignore", bytes(9 << 20)), ("a", b""))
    assert "ignore files" in zip_refused(store, packed, max_bytes=1 << 30)


def test_sizes_that_lie_do_not_unpack_more(store: BlobStore) -> None:
    packed = bytearray(zipped(("a", b"x" * 100_000), ("b", b"")).getvalue())
    central = packed.index(b"PK\x01\x02")
    packed[central + 24 : central + 28] = struct.pack("<I", 10)
    assert "damaged" in zip_refused(store, io.BytesIO(packed))


def test_names_in_utf8_without_the_flag_are_read(store: BlobStore) -> None:
    packed = zipped(("aé", b""), ("b", b"")).getvalue()
    at = packed.index(b"PK\x01\x02")
    plain = bytearray(packed)
    plain[6:8] = plain[at + 8 : at + 10] = b"\0\0"
    assert snapshot_zip(io.BytesIO(plain), store, **LIMITS).paths == {"aé", "b"}


def test_a_name_with_nul_is_refused(store: BlobStore) -> None:
    packed = zipped(("evil.py_.txt", b""), ("a", b"")).getvalue().replace(b"y_.", b"y\0.")
    assert "no place" in zip_refused(store, io.BytesIO(packed))


def test_a_full_disk_is_not_blamed_on_the_zip(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "put", full)
    with pytest.raises(OSError, match="No space"):
        snapshot_zip(zipped(("a", b"x")), store, **LIMITS)


def test_resource_forks_do_not_count(store: BlobStore) -> None:
    packed = zipped(("p/a", b""), ("__MACOSX/p/._a", b"x"))
    assert snapshot_zip(packed, store, **LIMITS).paths == {"a"}
