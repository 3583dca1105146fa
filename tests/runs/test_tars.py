"""Tars: the same digest as the folder, and as the zip; a sentence for each that is hostile."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.archives import snapshot_archive, snapshot_tar
from runs.blobs import BlobStore
from runs.snapshots import Entry, ManifestRefused
from studio.client.folder import digest, scan
from tests.runs.sources import LIMITS, make_source, one_sentence, sha
from tests.runs.test_archives import zipped

FORMATS = [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def tarred(*members: tuple[str | tarfile.TarInfo, bytes], packed: bool = False) -> io.BytesIO:
    """A tar with exactly these names, however wrong."""
    made = io.BytesIO()
    with tarfile.open(
        fileobj=made, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape"
    ) as archive:
        for given_, content in members:
            info = member(given_) if isinstance(given_, str) else given_
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return io.BytesIO(gzip.compress(made.getvalue())) if packed else io.BytesIO(made.getvalue())


def refused(store: BlobStore, packed: io.BytesIO, **limits: int) -> str:
    with pytest.raises(ManifestRefused) as caught:
        snapshot_tar(packed, store, **{**LIMITS, **limits})
    assert list(store.shas()) == []
    return one_sentence(caught.value)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("prefix", ["", "project", "./project"])
def test_a_tar_of_a_folder_gives_its_digest(
    store: BlobStore, tmp_path: Path, mode: str, kind: int, prefix: str
) -> None:
    source = make_source(tmp_path / "project")
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, format=kind) as archive:  # type: ignore[call-overload]
        archive.add(source, prefix or ".")
    manifest = snapshot_archive(made, store, name="x.tar", **LIMITS)
    assert manifest.digest == digest(scan(source))
    for entry in manifest.entries:
        if entry.sha:
            assert store.path(entry.sha).read_bytes() == (source / entry.path).read_bytes()


@pytest.mark.skipif(shutil.which("tar") is None, reason="apt-get install tar")
@pytest.mark.parametrize("flags", ["-cf", "-czf"])
def test_a_tar_of_the_tar_command_gives_the_same_digest(
    store: BlobStore, tmp_path: Path, flags: str
) -> None:
    source = make_source(tmp_path / "project")
    os.link(source / "train.py", source / "second name.py")
    with (source / "sparse").open("wb") as file:
        file.truncate(300_000)
    command = ["tar", "-S", flags, tmp_path / "source.tar", source.name]
    subprocess.run(command, cwd=source.parent, check=True)
    with (tmp_path / "source.tar").open("rb") as packed:
        manifest = snapshot_archive(packed, store, name="source.tar", **LIMITS)
    assert manifest.digest == digest(scan(source))


def test_amlignore_and_exclude_hold_in_a_tar(store: BlobStore) -> None:
    members = [("p/a.log", b""), ("p/b.csv", b""), ("p/.gitignore", b"*.log")]
    exclude = ("p/.git/info/exclude", b"*.csv")
    assert snapshot_tar(tarred(*members, exclude), store, **LIMITS).paths == {".gitignore"}
    kept = snapshot_tar(tarred(*members, ("p/.amlignore", b"x")), store, **LIMITS).paths
    assert kept == {".gitignore", ".amlignore", "a.log", "b.csv"}


@pytest.mark.parametrize(
    "content",
    [b"", b"no tar", b"\x1f\x8b", gzip.compress(b"x" * 2000, mtime=0)],
    ids=["empty", "text", "torn", "gzipped text"],
)
def test_what_is_no_archive_is_refused(store: BlobStore, content: bytes) -> None:
    with pytest.raises(ManifestRefused) as caught:
        snapshot_archive(io.BytesIO(content), store, name="x.7z", **LIMITS)
    assert one_sentence(caught.value)


def test_zips_and_tars_are_told_apart_by_their_bytes(store: BlobStore) -> None:
    files = (("a", b"1"), ("b", b"2"))
    digests = {
        snapshot_archive(packed, store, name="any", **LIMITS).digest
        for packed in (zipped(*files), tarred(*files), tarred(*files, packed=True))
    }
    assert len(digests) == 1


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, 5119), value=st.integers(0, 255), packed=st.booleans())
def test_a_changed_byte_is_refused_or_changes_nothing_but_a_file(
    store: BlobStore, at: int, value: int, packed: bool
) -> None:
    data = bytearray(tarred(("a", b"x" * 700), ("b/c", b"y"), packed=packed).getvalue())
    data[at % len(data)] = value
    with suppress(ManifestRefused):
        manifest = snapshot_archive(io.BytesIO(data), store, name="x.tar", **LIMITS)
        assert manifest.file_count == 2


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.65])
def test_a_cut_tar_is_refused(store: BlobStore, packed: bool, share: float) -> None:
    members = [(f"f{number}", os.urandom(1500)) for number in range(10)]
    whole = tarred(*members, packed=packed).getvalue()
    with pytest.raises(ManifestRefused, match="damaged"):
        snapshot_archive(io.BytesIO(whole[: int(len(whole) * share)]), store, name="x", **LIMITS)
    if not packed:
        boundary = tarfile.BLOCKSIZE * 4 * 3  # exactly before the fourth header
        with pytest.raises(ManifestRefused, match="breaks off"):
            snapshot_archive(io.BytesIO(whole[:boundary]), store, name="x", **LIMITS)


@pytest.mark.parametrize("path", ["/etc/passwd", "//x", "../x", "a/../../x", ".."])
def test_a_path_out_of_the_tar_is_refused(store: BlobStore, path: str) -> None:
    assert "The tar holds" in refused(store, tarred((path, b"x"), ("b", b"")))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(tarfile.CHRTYPE, "tty"), (tarfile.BLKTYPE, "disk"), (tarfile.FIFOTYPE, "pipe"), (b"Z", "z")],
)
def test_devices_and_pipes_are_refused(store: BlobStore, kind: bytes, name: str) -> None:
    said = refused(store, tarred((member(name, kind), b""), ("a", b"")))
    assert said == f"'{name}' in the tar is neither a file nor a link."


def test_a_device_that_is_left_out_is_no_trouble(store: BlobStore) -> None:
    packed = tarred((member("venv/tty", tarfile.CHRTYPE), b""), ("a", b""))
    assert snapshot_tar(packed, store, **LIMITS).paths == {"a"}


@pytest.mark.parametrize("target", ["../out", "/etc/passwd", "a/../../x"])
def test_links_out_are_refused(store: BlobStore, target: str) -> None:
    link = member("latest", tarfile.SYMTYPE, target)
    assert "'latest'" in refused(store, tarred((link, b""), ("a", b"")))


def test_nothing_is_written_through_a_link(store: BlobStore) -> None:
    packed = tarred((member("a", tarfile.SYMTYPE, "."), b""), ("a/b", b""), ("c", b""))
    assert "which is a link" in refused(store, packed)


def test_a_second_name_is_a_file_of_its_own(store: BlobStore) -> None:
    packed = tarred(("venv/a", b"1"), (member("b", tarfile.LNKTYPE, "venv/a"), b""))
    assert snapshot_tar(packed, store, **LIMITS).entries == (Entry("b", 0o644, 1, sha(b"1")),)


@pytest.mark.parametrize("target", ["none", "/etc/passwd", "../x", "later"])
def test_a_second_name_of_nothing_is_refused(store: BlobStore, target: str) -> None:
    packed = tarred((member("b", tarfile.LNKTYPE, target), b""), ("later", b""))
    refused(store, packed)


def test_second_names_count_in_full(store: BlobStore) -> None:
    links = [(member(f"l{number}", tarfile.LNKTYPE, "big"), b"") for number in range(30)]
    said = refused(store, tarred(("big", b"x" * 1000), *links), max_bytes=20_000)
    assert "more than the 19.5 KiB allowed" in said


def test_names_twice_are_refused(store: BlobStore) -> None:
    assert "'a' comes twice" in refused(store, tarred(("a", b"1"), ("./a", b"2"), ("b", b"")))
    assert "which is a file" in refused(store, tarred(("x/a", b""), ("x/a/b", b""), ("y", b"")))


@pytest.mark.parametrize(
    ("name", "words"),
    [("a\udcff", "is not UTF-8"), ("a\nb", "contains a line break"), ("a\x07", "control")],
)
def test_names_that_cannot_be_kept_are_refused(store: BlobStore, name: str, words: str) -> None:
    assert words in refused(store, tarred((name, b""), ("b", b"")))
    assert snapshot_tar(tarred((f"venv/{name}", b""), ("b", b"")), store, **LIMITS).paths == {"b"}


def test_limits_hold(store: BlobStore) -> None:
    many = [(f"f{number}", b"xx") for number in range(30)]
    assert "more than the 20 files" in refused(store, tarred(*many), max_files=20)
    assert "60 B, more than" in refused(store, tarred(*many), max_bytes=50)
    assert "lists more files" in refused(store, tarred(*many), max_files=5)
    ignored = [(f"node_modules/{number}", b"x" * 100) for number in range(30)]
    kept = snapshot_tar(tarred(("a", b""), *ignored), store, max_bytes=5000, max_files=20)
    assert kept.paths == {"a"}


def test_a_bomb_is_refused_while_it_is_listed(store: BlobStore) -> None:
    packed = tarred(("node_modules/zeros", bytes(40 << 20)), ("a", b""), packed=True)
    assert len(packed.getvalue()) < 100_000
    assert "more than 200 times" in refused(store, packed, max_bytes=1 << 30)


def test_a_tar_without_end_is_not_read(store: BlobStore) -> None:
    packed = tarred(("node_modules/x", os.urandom(120_000)), ("a", b""), packed=True)
    said = refused(store, packed, max_bytes=10_000, max_files=10)
    assert "unpacks to more than 98.8 KiB" in said


def test_a_header_bomb_is_refused(store: BlobStore) -> None:
    info = member("x" * (2 << 20))
    assert "a header is longer" in refused(store, tarred((info, b"")))


def test_a_size_below_zero_leads_nowhere(store: BlobStore) -> None:
    data = bytearray(tarred(("a", b"x"), ("b", b"y")).getvalue())
    data[124:136] = (-600).to_bytes(12, "big", signed=True)
    header = data[:148] + b" " * 8 + data[156:512]
    data[148:156] = b"%06o\0 " % sum(header)
    assert "damaged" in refused(store, io.BytesIO(bytes(data)))


def test_a_bomb_of_ignore_files_is_refused(store: BlobStore) -> None:
    packed = tarred((".gitignore", bytes(9 << 20)), ("a", b""))
    assert "ignore files" in refused(store, packed, max_bytes=1 << 30)


def test_a_wrong_checksum_is_refused(store: BlobStore) -> None:
    data = bytearray(tarred(("a", b"x" * 500), packed=True).getvalue())
    data[-6] ^= 0xFF
    assert "damaged" in refused(store, io.BytesIO(bytes(data)))
