"""What every blob store promises; a store joins by giving the fixture `store`."""

from __future__ import annotations

import hashlib
import io
import threading

import pytest

from runs.blobs import BlobStore


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class BrokenStream(io.BytesIO):
    """A connection that is cut in its middle."""

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        if not piece:
            raise ConnectionResetError("cut")
        return piece


class BlobStoreContract:
    """One promise a test."""

    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError

    def test_a_content_is_kept_under_its_hash(self, store: BlobStore) -> None:
        data = bytes(range(256)) * 20_000
        assert store.put(data) == (sha(data), len(data))
        with store.open(sha(data)) as file:
            assert file.read() == data

    def test_a_stream_is_kept_under_its_hash(self, store: BlobStore) -> None:
        data = b"stream" * 500_000
        assert store.put(io.BytesIO(data), sha(data)) == (sha(data), len(data))
        with store.open(sha(data)) as file:
            assert file.read() == data

    def test_nothing_is_a_content_too(self, store: BlobStore) -> None:
        assert store.put(b"") == (sha(b""), 0)
        assert store.put(io.BytesIO()) == (sha(b""), 0)
        assert store.has(sha(b""))

    def test_it_knows_what_it_has(self, store: BlobStore) -> None:
        assert not store.has(sha(b"a"))
        store.put(b"a")
        assert store.has(sha(b"a"))

    def test_missing_ones_come_once_in_the_order_asked(self, store: BlobStore) -> None:
        store.put(b"b")
        asked = [sha(b"c"), sha(b"b"), sha(b"a"), sha(b"c")]
        assert store.missing(asked) == [sha(b"c"), sha(b"a")]
        assert store.missing([]) == []

    def test_what_is_not_there_cannot_be_opened(self, store: BlobStore) -> None:
        with pytest.raises(FileNotFoundError):
            store.open(sha(b"a"))

    def test_another_content_than_promised_is_refused(self, store: BlobStore) -> None:
        for content in (b"lie", io.BytesIO(b"lie")):
            with pytest.raises(ValueError, match="was promised"):
                store.put(content, sha(b"truth"))
        assert list(store.shas()) == []

    def test_a_promise_is_checked_even_when_the_content_is_known(self, store: BlobStore) -> None:
        store.put(b"lie")
        with pytest.raises(ValueError, match="was promised"):
            store.put(b"lie", sha(b"truth"))
        assert list(store.shas()) == [sha(b"lie")]

    def test_a_broken_stream_leaves_nothing(self, store: BlobStore) -> None:
        with pytest.raises(ConnectionResetError):
            store.put(BrokenStream(b"half"))
        assert list(store.shas()) == []

    def test_a_content_is_written_piece_by_piece(self, store: BlobStore) -> None:
        with store.writer() as into:
            into.write(b"one ")
            into.write(b"two")
            assert not store.has(sha(b"one two"))
        assert (into.sha, into.size) == (sha(b"one two"), 7)
        with store.open(into.sha) as file:
            assert file.read() == b"one two"

    def test_a_writer_that_fails_leaves_nothing(self, store: BlobStore) -> None:
        def half() -> None:
            with store.writer() as into:
                into.write(b"half")
                raise KeyError

        with pytest.raises(KeyError):
            half()
        assert list(store.shas()) == []

    def test_a_writer_that_breaks_its_promise_leaves_nothing(self, store: BlobStore) -> None:
        with pytest.raises(ValueError, match="was promised"), store.writer(sha(b"truth")) as into:
            into.write(b"lie")
        assert list(store.shas()) == []

    def test_putting_again_changes_nothing(self, store: BlobStore) -> None:
        store.put(b"same")
        with store.open(sha(b"same")) as file:
            store.put(b"same")
            store.put(io.BytesIO(b"same"))
            assert file.read() == b"same"
        assert list(store.shas()) == [sha(b"same")]

    def test_many_that_put_the_same_agree(self, store: BlobStore) -> None:
        data = b"shared" * 100_000
        writers = [threading.Thread(target=store.put, args=(io.BytesIO(data),)) for _ in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        with store.open(sha(data)) as file:
            assert file.read() == data
        assert list(store.shas()) == [sha(data)]

    def test_contents_are_listed_in_order(self, store: BlobStore) -> None:
        contents = [b"%d" % number for number in range(50)]
        for content in contents:
            store.put(content)
        assert list(store.shas()) == sorted(map(sha, contents))

    def test_deleting_forgets_one_content(self, store: BlobStore) -> None:
        store.put(b"a")
        store.put(b"b")
        store.delete(sha(b"a"))
        store.delete(sha(b"a"))
        assert list(store.shas()) == [sha(b"b")]

    @pytest.mark.parametrize(
        "name", ["", "a", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n"]
    )
    def test_only_a_hash_names_a_content(self, store: BlobStore, name: str) -> None:
        with pytest.raises(ValueError, match="not a SHA-256"):
            store.has(name)
        with pytest.raises(ValueError, match="not a SHA-256"):
            store.delete(name)
