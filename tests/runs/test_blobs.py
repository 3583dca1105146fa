"""The blob store on disk: what lies there, killed writers, packs from a client."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runs.blobs import BlobStore
from runs.packs import read_pack
from studio.client.pack import HEADER
from tests.contract.blob_store import BlobStoreContract, BrokenStream, sha

ROOT = Path(__file__).parents[2]


class TestBlobStore(BlobStoreContract):
    """The store that Runyard uses."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> BlobStore:
        return BlobStore(tmp_path / "blobs")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(root: Path) -> BlobStore:
    return BlobStore(root)


def packed(*contents: bytes) -> bytes:
    return b"".join(HEADER.pack(sha(c).encode(), len(c)) + c for c in contents)


def test_contents_lie_where_the_runner_looks_for_them(store: BlobStore, root: Path) -> None:
    store.put(b"x")
    place = root / sha(b"x")[:2] / sha(b"x")
    assert store.path(sha(b"x")) == place
    assert place.read_bytes() == b"x"
    assert place.stat().st_mode & 0o777 == 0o444


def test_files_of_the_runner_that_are_not_whole_do_not_count(store: BlobStore, root: Path) -> None:
    store.put(b"x")
    (root / sha(b"x")[:2] / f"{sha(b'x')}.part").touch()
    assert list(store.shas()) == [sha(b"x")]


def test_a_killed_writer_leaves_nothing_but_what_is_swept(store: BlobStore, root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from runs.blobs import BlobStore;"
        "store = BlobStore(Path(sys.argv[1])); writer = store.writer(); into = writer.__enter__();"
        "into.write(b'half' * 1000000); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"\n"
        writer.kill()
    assert list(store.shas()) == []
    (left,) = (root / "tmp").iterdir()
    store.sweep()
    assert left.exists()
    os.utime(left, (1, 1))
    store.sweep()
    assert not left.exists()


def test_a_store_without_a_folder_is_empty(store: BlobStore) -> None:
    assert list(store.shas()) == []
    store.sweep()


def test_a_pack_is_taken_apart(store: BlobStore) -> None:
    contents = [b"", b"one", b"x" * (3 << 20)]
    received = list(read_pack(io.BytesIO(packed(*contents)), store))
    assert received == [(sha(content), len(content)) for content in contents]
    assert store.missing(map(sha, contents)) == []


def test_an_empty_pack_is_fine(store: BlobStore) -> None:
    assert list(read_pack(io.BytesIO(), store)) == []


class Trickle(io.BytesIO):
    """A socket that gives a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(7, size or 7))


def test_a_pack_may_arrive_in_crumbs(store: BlobStore) -> None:
    received = list(read_pack(Trickle(packed(b"one", b"two" * 20)), store))
    assert len(received) == 2


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        (packed(b"one", b"two")[:-1], "ends in the middle"),
        (packed(b"one") + b"abc", "ends in the middle"),
        (packed(b"one") + HEADER.pack(sha(b"two").encode(), 3) + b"TWO", "was promised"),
        (packed(b"one") + HEADER.pack(b"Z" * 64, 0), "is not a SHA-256"),
        (packed(b"one") + HEADER.pack(b"\xff" * 64, 0), "is not a SHA-256"),
    ],
)
def test_a_broken_pack_keeps_what_arrived_whole(store: BlobStore, pack: bytes, words: str) -> None:
    received = []
    with pytest.raises(ValueError, match=words) as caught:
        received.extend(read_pack(io.BytesIO(pack), store))
    assert "\n" not in str(caught.value)
    assert list(store.shas()) == [sha(b"one")]


def test_a_cut_connection_is_not_hidden(store: BlobStore) -> None:
    with pytest.raises(ConnectionResetError):
        list(read_pack(BrokenStream(packed(b"one")), store))
    assert store.has(sha(b"one"))
