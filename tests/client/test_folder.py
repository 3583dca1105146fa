"""Scanning a folder: what is kept, what is refused in one sentence, what is not read twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from studio.client import folder as folder_module
from studio.client.folder import (
    MAX_DEPTH,
    FolderRefused,
    canonical,
    digest,
    link_trouble,
    readable_size,
    scan,
)
from studio.client.pack import HEADER, pack, pack_bytes

NOBODY = 65534


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "runyard" / "hashes"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


def paths(source: Path) -> list[str]:
    return [entry["path"] for entry in scan(source)]


def refusal(source: Path, **limits: int) -> str:
    with pytest.raises(FolderRefused) as caught:
        scan(source, **limits)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def age(*files: Path) -> None:
    """Make files look as if nobody had touched them for an hour; only ctime stays new."""
    for file in files:
        then = file.stat().st_mtime - 3600
        os.utime(file, (then, then))


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A scan some seconds after the last change."""
    with monkeypatch.context() as patch:
        patch.setattr("studio.client.hashes.RACY_NS", -60_000_000_000)
        yield


@contextmanager
def counted_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    read: list[str] = []
    real = folder_module._hash

    def counting(root: str, path: str, found: os.stat_result) -> str:
        read.append(path)
        return real(root, path, found)

    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "_hash", counting)
        yield read


def test_files_links_and_modes_are_kept(source: Path) -> None:
    (source / "pkg").mkdir()
    (source / "pkg/train.py").write_bytes(b"print(1)\n")
    (source / "run.sh").write_bytes(b"exit\n")
    (source / "run.sh").chmod(0o700)
    (source / "latest").symlink_to("pkg/train.py")
    (source / "empty").mkdir()
    assert scan(source) == [
        {"path": "latest", "link": "pkg/train.py"},
        {
            "path": "pkg/train.py",
            "mode": 0o644,
            "size": 9,
            "sha": hashlib.sha256(b"print(1)\n").hexdigest(),
        },
        {"path": "run.sh", "mode": 0o755, "size": 5, "sha": hashlib.sha256(b"exit\n").hexdigest()},
    ]


def test_an_empty_folder_has_no_entries(source: Path) -> None:
    assert scan(source) == []


def test_entries_come_in_the_order_of_their_bytes(source: Path) -> None:
    for name in ("b", "a.py", "a", "é", "Z", "\N{GRINNING FACE}", "￭"):
        (source / name).touch()
    (source / "a-").mkdir()
    (source / "a-/x").touch()
    assert paths(source) == sorted(paths(source), key=str.encode)


def test_the_digest_sees_renames_modes_links_and_contents(source: Path) -> None:
    file = source / "old/train.py"
    file.parent.mkdir()
    file.write_text("1")
    seen = [digest(scan(source))]
    file.parent.rename(source / "new")
    seen.append(digest(scan(source)))
    (source / "new/train.py").chmod(0o755)
    seen.append(digest(scan(source)))
    (source / "link").symlink_to("new")
    seen.append(digest(scan(source)))
    (source / "link").unlink()
    (source / "link").symlink_to("./new")
    seen.append(digest(scan(source)))
    (source / "new/train.py").write_text("2")
    seen.append(digest(scan(source)))
    assert len(set(seen)) == len(seen)


def test_the_digest_does_not_see_owners_times_or_order(source: Path) -> None:
    (source / "b").write_text("b")
    (source / "a").write_text("a")
    before = digest(scan(source))
    (source / "b").chmod(0o666)
    age(source / "a")
    assert digest(reversed(scan(source))) == before


def test_the_canonical_form_is_pinned(source: Path) -> None:
    (source / "é.py").write_bytes(b"x")
    (source / "z").symlink_to("é.py")
    sha = hashlib.sha256(b"x").hexdigest()
    text = (
        f'[{{"link":"é.py","path":"z"}},{{"mode":420,"path":"é.py","sha":"{sha}","size":1}}]'
    ).encode()
    assert canonical(scan(source)) == text
    assert digest(scan(source)) == hashlib.sha256(text).hexdigest()


def test_a_dangling_or_circular_link_inside_is_kept(source: Path) -> None:
    (source / "nowhere").symlink_to("not/there")
    (source / "self").symlink_to("self")
    (source / "one").symlink_to("two")
    (source / "two").symlink_to("one")
    assert paths(source) == ["nowhere", "one", "self", "two"]


def test_a_link_to_a_folder_is_not_followed(source: Path) -> None:
    (source / "real").mkdir()
    (source / "real/x").touch()
    (source / "alias").symlink_to("real")
    assert paths(source) == ["alias", "real/x"]


@pytest.mark.parametrize("target", ["..", "../outside", "sub/../../outside", "sub/../.."])
def test_a_link_out_of_the_folder_is_refused(source: Path, target: str) -> None:
    (source / "escape").symlink_to(target)
    assert f"'escape' points to {target}, which leads out of the folder" in refusal(source)


def test_an_absolute_link_is_refused_even_when_it_points_inside(source: Path) -> None:
    (source / "x").touch()
    (source / "abs").symlink_to(source / "x")
    assert "absolute path" in refusal(source)


def test_a_link_that_gets_out_through_another_one_is_refused() -> None:
    links = {"a/b/up": "../..", "exit": "a/b/up/.."}
    assert link_trouble("a/b/up", links["a/b/up"], links) is None
    assert "leads out" in (link_trouble("exit", links["exit"], links) or "")


def test_a_refused_link_may_be_ignored(source: Path) -> None:
    (source / "data").symlink_to("/mnt/data")
    (source / ".gitignore").write_text("data\n")
    assert paths(source) == [".gitignore"]


def test_a_socket_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("agent")
    assert "'agent' is a socket" in refusal(source)


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(source: Path) -> None:
    os.mkfifo(source / "pipe")
    assert "'pipe' is a named pipe" in refusal(source)


def test_an_ignore_file_that_is_a_pipe_does_not_block(source: Path) -> None:
    os.mkfifo(source / ".amlignore")
    assert "'.amlignore' is a named pipe" in refusal(source)


@pytest.mark.parametrize(
    ("name", "words"),
    [(b"a\nb", "contains a line break"), (b"a\x1bb", "control character"), (b"\xff", "not UTF-8")],
)
def test_an_unfit_name_is_refused(source: Path, name: bytes, words: str) -> None:
    with open(os.fsencode(source) + b"/" + name, "wb"):  # noqa: PTH123
        pass
    assert words in refusal(source)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so a test of permissions has to be somebody else."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_may_not_be_read_is_refused(source: Path, kind: str) -> None:
    closed = source / "closed"
    closed.mkdir() if kind == "folder" else closed.touch()
    closed.chmod(0)
    for above in (source, *source.parents[:-2]):
        above.chmod(0o755)
    with as_nobody():
        sentence = refusal(source)
    closed.chmod(0o700)
    assert "'closed' may not be read" in sentence


def test_a_file_that_changes_while_it_is_read_is_refused(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = source / "train.log"
    log.write_text("1")
    read = os.read

    def reading(descriptor: int, size: int) -> bytes:
        if log.stat().st_size < 10:
            with log.open("a") as file:
                file.write("another line\n")
        return read(descriptor, size)

    monkeypatch.setattr("studio.client.folder.os.read", reading)
    assert "'train.log' changed while the folder was read" in refusal(source)


def test_a_file_that_vanishes_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "going").write_text("1")
    real = folder_module._hash

    def vanishing(root: str, path: str, found: os.stat_result) -> str:
        (source / path).unlink()
        return real(root, path, found)

    monkeypatch.setattr(folder_module, "_hash", vanishing)
    assert "'going' changed" in refusal(source)


def test_a_file_swapped_for_a_link_is_not_followed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "x").write_text("mine")
    (tmp_path / "secret").write_text("theirs")
    real = folder_module._hash

    def swapping(root: str, path: str, found: os.stat_result) -> str:
        (source / path).unlink()
        (source / path).symlink_to(tmp_path / "secret")
        return real(root, path, found)

    monkeypatch.setattr(folder_module, "_hash", swapping)
    assert "'x'" in refusal(source)


def test_too_many_bytes_name_the_ten_biggest_files(source: Path) -> None:
    for number in range(12):
        (source / f"f{number:02}").write_bytes(b"x" * (100 + number))
    sentence = refusal(source, max_bytes=1000)
    assert "1.2 KiB, more than the 1000 B allowed" in sentence
    assert [f"f{n:02}" in sentence for n in range(12)] == [False] * 2 + [True] * 10


def test_too_many_files_name_the_fullest_folder(source: Path) -> None:
    (source / "data").mkdir()
    for number in range(30):
        (source / f"data/{number}").write_bytes(b"x" * number)
    (source / "train.py").touch()
    sentence = refusal(source, max_files=20)
    assert "more than the 20 files allowed" in sentence
    assert "in the folder data" in sentence


def test_ignored_files_do_not_count(source: Path) -> None:
    (source / "big.bin").write_bytes(b"x" * 2000)
    (source / ".gitignore").write_text("*.bin")
    assert len(scan(source, max_bytes=1000, max_files=1)) == 1


def test_folders_nested_too_deep_are_refused(source: Path) -> None:
    deep = source.joinpath(*["d"] * (MAX_DEPTH + 1))
    deep.mkdir(parents=True)
    assert "too deep" in refusal(source)


@pytest.mark.parametrize(("name", "words"), [("no", "does not exist"), ("x", "is not a folder")])
def test_no_folder_at_all_is_refused(source: Path, name: str, words: str) -> None:
    (source / "x").touch()
    assert words in refusal(source / name)


def test_an_unchanged_folder_is_not_read_again(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (source / name).write_text(name)
    with later(monkeypatch):
        first = scan(source)
    with counted_reads(monkeypatch) as read:
        assert scan(source) == first
    assert read == []


def test_only_what_changed_is_read_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        (source / name).write_text(name)
    with later(monkeypatch):
        scan(source)
    kept = (source / "b").stat()
    (source / "b").write_text("B")
    os.utime(source / "b", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    (source / "c").chmod(0o755)
    with counted_reads(monkeypatch) as read:
        entries = {entry["path"]: entry for entry in scan(source)}
    assert read == ["b", "c"] or read == ["c", "b"]
    assert entries["b"]["sha"] == hashlib.sha256(b"B").hexdigest()
    assert entries["c"]["mode"] == 0o755


def test_a_file_touched_a_moment_ago_is_read_again(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "a").write_text("1")
    age(source / "a")
    scan(source)
    with counted_reads(monkeypatch) as read:
        scan(source)
    assert read == ["a"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', '{"a": [1]}', '{"a": [1,2,3,4,5]}'])
def test_a_damaged_cache_only_costs_time(source: Path, cache: Path, text: str) -> None:
    (source / "a").write_text("1")
    (source / "b").write_text("1")
    first = scan(source)
    cache.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(os.fsencode(source)).hexdigest()[:32]
    (cache / f"{name}.json").write_text(text)
    assert scan(source) == first


def test_a_cache_that_cannot_be_written_only_costs_time(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "a").write_text("1")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    with later(monkeypatch):
        assert len(scan(source)) == 1


def test_a_pack_holds_each_file_behind_its_header(source: Path) -> None:
    contents = {"a": b"", "b": b"x" * 10, "c": b"y" * (3 << 20)}
    for name, content in contents.items():
        (source / name).write_bytes(content)
    entries = [entry for entry in scan(source) if "sha" in entry]
    stream = io.BytesIO(b"".join(pack(source, entries)))
    assert len(stream.getvalue()) == pack_bytes(entries)
    for content in contents.values():
        sha, size = HEADER.unpack(stream.read(HEADER.size))
        assert sha.decode() == hashlib.sha256(content).hexdigest()
        assert stream.read(size) == content
    assert stream.read() == b""


@pytest.mark.parametrize("after", [b"", b"short", b"x" * 9, b"z" * 10, b"x" * 20])
def test_a_pack_of_a_changed_file_breaks_off(source: Path, after: bytes) -> None:
    (source / "a").write_bytes(b"x" * 10)
    entries = [entry for entry in scan(source) if "sha" in entry]
    (source / "a").write_bytes(after)
    if after == b"x" * 20:
        assert b"".join(pack(source, entries))[HEADER.size :] == b"x" * 10
        return
    with pytest.raises(FolderRefused, match="'a' changed"):
        list(pack(source, entries))


def test_a_pack_of_a_vanished_file_breaks_off(source: Path) -> None:
    (source / "a").write_bytes(b"x")
    entries = [entry for entry in scan(source) if "sha" in entry]
    (source / "a").unlink()
    with pytest.raises(FolderRefused, match="'a' cannot be read"):
        list(pack(source, entries))


def test_sizes_are_readable() -> None:
    sizes = [0, 1023, 1024, 1536, 1 << 20, 3 << 29, 1 << 40, 1 << 50]
    assert [readable_size(size) for size in sizes] == [
        "0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.5 GiB", "1.0 TiB", "1024.0 TiB",
    ]  # fmt: skip


def test_entries_survive_json(source: Path) -> None:
    (source / "a").write_text("1")
    (source / "b").symlink_to("a")
    entries = scan(source)
    assert digest(json.loads(json.dumps(entries))) == digest(entries)
