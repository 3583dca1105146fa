"""What every log store promises; a store joins by giving the fixture `store`."""

from __future__ import annotations

import hashlib
import random
import re
import threading

import pytest

from runs.logs import LogStore, Sealed, WrongOffset

KEY = "run/42/1/run.log"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def send(store: LogStore, key: str, data: bytes, piece: int) -> None:
    """A sender that starts where the store is and does as it is told."""
    offset = store.size(key)
    while offset < len(data):
        try:
            offset = store.append(key, offset, data[offset : offset + piece])
        except WrongOffset as error:
            offset = error.length


class LogStoreContract:
    """One promise a test."""

    @pytest.fixture
    def store(self) -> LogStore:
        raise NotImplementedError

    def test_it_gives_back_the_bytes_as_they_were_written(self, store: LogStore) -> None:
        data = bytes(range(256)) * 10
        assert store.append(KEY, 0, data) == len(data)
        assert store.append(KEY, len(data), b"more") == len(data) + 4
        assert store.read(KEY, 0, 1 << 20) == data + b"more"
        assert store.size(KEY) == len(data) + 4

    def test_it_reads_any_part(self, store: LogStore) -> None:
        store.append(KEY, 0, b"0123456789")
        assert store.read(KEY, 3, 4) == b"3456"
        assert store.read(KEY, 8, 100) == b"89"
        assert store.read(KEY, 10, 1) == b""
        assert store.read(KEY, 99, 1) == b""

    def test_a_log_that_nobody_wrote_is_empty(self, store: LogStore) -> None:
        assert store.size(KEY) == 0
        assert store.read(KEY, 0, 10) == b""
        assert store.tail(KEY, 5) == b""
        assert store.sealed(KEY) is None
        assert store.line_count(KEY) == 0
        assert store.line_offset(KEY, 1) == (0, "")
        assert store.keys("") == []

    def test_bytes_that_are_stored_are_skipped(self, store: LogStore) -> None:
        store.append(KEY, 0, b"0123456789")
        assert store.append(KEY, 0, b"0123456789") == 10
        assert store.append(KEY, 4, b"456") == 10
        assert store.read(KEY, 0, 100) == b"0123456789"

    def test_only_the_new_part_of_an_overlap_is_stored(self, store: LogStore) -> None:
        store.append(KEY, 0, b"01234")
        assert store.append(KEY, 2, b"23456789") == 10
        assert store.read(KEY, 0, 100) == b"0123456789"

    def test_a_gap_is_answered_with_the_length(self, store: LogStore) -> None:
        store.append(KEY, 0, b"01234")
        with pytest.raises(WrongOffset) as caught:
            store.append(KEY, 6, b"6789")
        assert caught.value.length == 5
        assert store.read(KEY, 0, 100) == b"01234"

    def test_an_offset_before_the_beginning_is_answered_with_the_length(
        self, store: LogStore
    ) -> None:
        store.append(KEY, 0, b"01234")
        with pytest.raises(WrongOffset) as caught:
            store.append(KEY, -1, b"x01234")
        assert caught.value.length == 5

    def test_nothing_may_be_appended(self, store: LogStore) -> None:
        assert store.append(KEY, 0, b"") == 0
        store.append(KEY, 0, b"01")
        assert store.append(KEY, 2, b"") == 2

    def test_logs_do_not_mix(self, store: LogStore) -> None:
        store.append("run/4/1/run.log", 0, b"four")
        store.append("run/42/1/run.log", 0, b"forty-two")
        store.append("run/42/1/logs/run.log", 0, b"other")
        assert store.read("run/4/1/run.log", 0, 100) == b"four"
        assert store.size("run/42/1/run.log") == 9

    def test_senders_that_all_send_everything_leave_each_byte_once(self, store: LogStore) -> None:
        data = random.Random(1).randbytes(300_000)
        senders = [
            threading.Thread(target=send, args=(store, KEY, data, piece))
            for piece in (1_000, 7_777, 30_000, 65_536)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert store.read(KEY, 0, 1 << 20) == data

    def test_a_whole_log_is_sealed_as_complete(self, store: LogStore) -> None:
        store.append(KEY, 0, b"all of it\n")
        receipt = store.seal(KEY, size=10, sha256=sha(b"all of it\n"), masked=3)
        assert (receipt.complete, receipt.gap, receipt.masked) == (True, "", 3)
        assert (receipt.log_bytes, receipt.stored_bytes) == (10, 10)
        assert receipt.sha256_stored == receipt.sha256_target == sha(b"all of it\n")
        assert store.sealed(KEY) == receipt

    def test_a_silent_log_is_sealed_as_complete(self, store: LogStore) -> None:
        assert store.seal(KEY, size=0, sha256=sha(b""), masked=0).complete
        assert store.read(KEY, 0, 10) == b""

    def test_an_early_end_is_named(self, store: LogStore) -> None:
        store.append(KEY, 0, b"x" * 1500)
        receipt = store.seal(KEY, size=2500, sha256=sha(b"x" * 2500), masked=0)
        assert not receipt.complete
        assert "1,000 of 2,500 bytes never arrived" in receipt.gap

    def test_more_than_the_target_wrote_is_named(self, store: LogStore) -> None:
        store.append(KEY, 0, b"x" * 10)
        receipt = store.seal(KEY, size=7, sha256=sha(b"x" * 7), masked=0)
        assert not receipt.complete
        assert "3 more" in receipt.gap

    def test_other_bytes_of_the_same_length_are_named(self, store: LogStore) -> None:
        store.append(KEY, 0, b"abc")
        receipt = store.seal(KEY, size=3, sha256=sha(b"abd"), masked=0)
        assert not receipt.complete
        assert "hashes differ" in receipt.gap
        assert receipt.sha256_stored == sha(b"abc")

    def test_a_target_that_cannot_be_asked_is_named(self, store: LogStore) -> None:
        store.append(KEY, 0, b"abc")
        receipt = store.seal(KEY, size=None, sha256=None, masked=0)
        assert (receipt.complete, receipt.log_bytes, receipt.stored_bytes) == (False, None, 3)
        assert "could not say" in receipt.gap

    def test_the_first_seal_counts(self, store: LogStore) -> None:
        store.append(KEY, 0, b"abc")
        first = store.seal(KEY, size=3, sha256=sha(b"abc"), masked=0)
        assert store.seal(KEY, size=None, sha256=None, masked=9) == first

    def test_a_sealed_log_takes_nothing_more(self, store: LogStore) -> None:
        store.append(KEY, 0, b"abc")
        store.seal(KEY, size=3, sha256=sha(b"abc"), masked=0)
        with pytest.raises(Sealed):
            store.append(KEY, 3, b"d")
        assert store.read(KEY, 0, 10) == b"abc"

    def test_a_sealed_log_agrees_to_what_it_has(self, store: LogStore) -> None:
        store.append(KEY, 0, b"abc")
        store.seal(KEY, size=3, sha256=sha(b"abc"), masked=0)
        assert store.append(KEY, 1, b"bc") == 3

    def test_lines_are_found_from_one_on(self, store: LogStore) -> None:
        store.append(KEY, 0, b"one\n\nthree\nfour")
        assert store.line_count(KEY) == 3
        offsets = [store.line_offset(KEY, line)[0] for line in range(1, 7)]
        assert offsets == [0, 4, 5, 11, 15, 15]
        with pytest.raises(ValueError, match="counted from 1"):
            store.line_offset(KEY, 0)

    def test_every_line_of_a_growing_log_is_found(self, store: LogStore) -> None:
        chance = random.Random(2)
        data = b""
        for _ in range(6):
            new = b"".join(
                b"x" * chance.randrange(30) + b"\n" for _ in range(chance.randrange(900))
            )
            new += b"unfinished"
            store.append(KEY, len(data), new)
            data += new
            begins = [0] + [found.end() for found in re.finditer(b"\n", data)]
            assert store.line_count(KEY) == len(begins) - 1
            for line in chance.sample(range(1, len(begins) + 1), 40):
                assert store.line_offset(KEY, line) == (begins[line - 1], "")

    def test_a_line_knows_the_colours_it_begins_in(self, store: LogStore) -> None:
        store.append(KEY, 0, b"plain\n\x1b[31mred\nred \x1b[1mand bold\n" + b"still\n" * 2000)
        store.append(KEY, store.size(KEY), b"\x1b[32")
        assert store.line_offset(KEY, 1500)[1] == "1;31"
        store.append(KEY, store.size(KEY), b"mgreen\n" + b"more\n" * 2000 + b"\x1b[0mplain\n")
        codes = [store.line_offset(KEY, line)[1] for line in (1, 2, 3, 4, 2003, 2004, 2005, 4004)]
        assert codes == ["", "", "31", "1;31", "1;31", "1;31", "1;32", "1;32"]
        assert store.line_offset(KEY, 4006)[1] == ""

    def test_the_tail_is_the_last_lines(self, store: LogStore) -> None:
        store.append(KEY, 0, b"one\ntwo\nthree\nfour")
        assert store.tail(KEY, 2) == b"three\nfour"
        store.append(KEY, store.size(KEY), b"\n")
        assert store.tail(KEY, 2) == b"three\nfour\n"
        assert store.tail(KEY, 0) == b""
        assert store.tail(KEY, 99) == b"one\ntwo\nthree\nfour\n"
        assert store.tail(KEY, 99, max_bytes=7) == b"e\nfour\n"

    def test_keys_are_listed_below_a_prefix(self, store: LogStore) -> None:
        for key in ("run/4/1/run.log", "run/42/1/run.log", "run/42/1/logs/x", "build/42/run.log"):
            store.append(key, 0, b"x\n")
            store.line_count(key)
        store.seal("run/42/1/run.log", size=2, sha256=sha(b"x\n"), masked=0)
        assert store.keys("run/42") == ["run/42/1/logs/x", "run/42/1/run.log"]
        assert store.keys("run/42/1/") == ["run/42/1/logs/x", "run/42/1/run.log"]
        assert store.keys("run/4/1/run.log") == ["run/4/1/run.log"]
        assert store.keys("nothing") == []
        assert len(store.keys("")) == 4

    def test_usage_counts_below_a_prefix(self, store: LogStore) -> None:
        store.append("run/4/1/run.log", 0, b"x" * 100)
        store.append("run/42/1/run.log", 0, b"x" * 1000)
        store.append("run/42/1/logs/x", 0, b"x" * 10)
        assert store.usage("run/4") == 100
        assert store.usage("run/42/") == 1010
        assert store.usage("") == 1110
        assert store.usage("nothing") == 0

    def test_deleting_takes_everything_below_a_prefix(self, store: LogStore) -> None:
        for key in ("run/4/1/run.log", "run/42/1/run.log", "run/42/1/logs/x"):
            store.append(key, 0, b"x\n")
        store.line_count("run/42/1/run.log")
        store.seal("run/42/1/run.log", size=2, sha256=sha(b"x\n"), masked=0)
        store.delete("run/42/")
        store.delete("run/42/")
        assert store.keys("") == ["run/4/1/run.log"]
        assert store.usage("run/42") == 0
        assert store.sealed("run/42/1/run.log") is None
        assert store.line_count("run/42/1/run.log") == 0

    def test_everything_cannot_be_deleted_at_once(self, store: LogStore) -> None:
        store.append(KEY, 0, b"x")
        for prefix in ("", "/"):
            with pytest.raises(ValueError, match="not all at once"):
                store.delete(prefix)
        assert store.size(KEY) == 1

    def test_a_deleted_log_begins_anew(self, store: LogStore) -> None:
        store.append(KEY, 0, b"old\n" * 2000)
        store.line_count(KEY)
        store.delete("run/42")
        assert store.append(KEY, 0, b"new\n") == 4
        assert store.read(KEY, 0, 10) == b"new\n"
        assert store.line_count(KEY) == 1

    @pytest.mark.parametrize(
        "key", ["", "/etc/x", "..", "../x", "run/../../x", "run//x", "run/./x", "a\0b", ".seals/x"]
    )
    def test_a_key_cannot_leave_the_store(self, store: LogStore, key: str) -> None:
        with pytest.raises(ValueError, match="cannot name a log"):
            store.append(key, 0, b"x")
        with pytest.raises(ValueError, match="cannot name a log"):
            store.read(key, 0, 1)

    def test_a_name_that_is_too_long_is_refused(self, store: LogStore) -> None:
        with pytest.raises(ValueError, match="too long"):
            store.append("run/1/1/logs/" + "x" * 300, 0, b"x")

    def test_a_log_cannot_lie_below_another(self, store: LogStore) -> None:
        store.append("run/1/logs/x", 0, b"x")
        assert store.size("run/1/logs/x/y") == 0
        with pytest.raises(ValueError, match="in its way"):
            store.append("run/1/logs/x/y", 0, b"y")
        with pytest.raises(ValueError, match="in its way"):
            store.append("run/1/logs", 0, b"y")
