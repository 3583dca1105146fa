"""The log store on disk: several processes, torn indexes, full disks, many logs."""

from __future__ import annotations

import gc
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.ansi import Pen
from runs.lines import LINES_A_MARK
from runs.logs import _OPEN_LOGS, LogStore
from tests.contract.log_store import KEY, LogStoreContract, send, sha
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]


class TestLogStore(LogStoreContract):
    """The store that Runyard uses."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> LogStore:
        return LogStore(tmp_path / "logs")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def store(root: Path) -> LogStore:
    return LogStore(root)


def said(lines: int, seed: int = 3) -> bytes:
    """Lines of many lengths, some coloured."""
    chance = random.Random(seed)
    codes = [b"", b"", b"\x1b[31m", b"\x1b[1;32m", b"\x1b[0m", b"\x1b[48;5;9m"]
    return b"".join(
        b"%d %s%s\n" % (line, chance.choice(codes), b"x" * chance.randrange(60))
        for line in range(1, lines + 1)
    )


def sender(root: Path, source: Path, piece: int) -> subprocess.Popen[bytes]:
    """Another process that sends a whole file."""
    program = (
        "import sys; from pathlib import Path; from runs.logs import LogStore;"
        "from tests.contract.log_store import send;"
        "send(LogStore(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]).read_bytes(),"
        " int(sys.argv[4]))"
    )
    command = [sys.executable, "-c", program, str(root), KEY, str(source), str(piece)]
    return subprocess.Popen(command, cwd=ROOT)


def begins(data: bytes) -> list[int]:
    return [0] + [found.end() for found in re.finditer(b"\n", data)]


def test_two_processes_that_both_send_everything(root: Path, tmp_path: Path) -> None:
    data = said(15_000)
    (tmp_path / "source").write_bytes(data)
    senders = [sender(root, tmp_path / "source", piece) for piece in (333, 1009)]
    try:
        store = LogStore(root)
        eventually(lambda: store.size(KEY) > 0)
        chance = random.Random(4)
        while any(process.poll() is None for process in senders):
            count = store.line_count(KEY)
            line = chance.randrange(count + 1) + 1
            at, _ = store.line_offset(KEY, line)
            number = store.read(KEY, at, 20).split(b" ")[0]
            assert line > count or number == b"%d" % line
        assert [process.wait() for process in senders] == [0, 0]
    finally:
        for process in senders:
            process.kill()
            process.wait()
    assert store.read(KEY, 0, len(data) + 1) == data
    assert store.line_count(KEY) == 15_000
    assert store.seal(KEY, size=len(data), sha256=sha(data), masked=0).complete


def test_a_sender_that_is_killed_leaves_a_whole_beginning(root: Path, tmp_path: Path) -> None:
    data = random.Random(5).randbytes(30_000_000)
    (tmp_path / "source").write_bytes(data)
    store = LogStore(root)
    first = sender(root, tmp_path / "source", 100)
    try:
        eventually(lambda: store.size(KEY) > 100_000)
    finally:
        first.kill()
        first.wait()
    stored = store.size(KEY)
    assert 0 < stored < len(data)
    send(store, KEY, data, 1 << 20)
    assert store.seal(KEY, size=len(data), sha256=sha(data), masked=0).complete


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 400), flip=st.integers(0, 399), seed=st.integers(0, 3))
def test_a_torn_index_is_made_anew(root: Path, cut: int, flip: int, seed: int) -> None:
    store = LogStore(root)
    data = said(6_000, seed)
    key = f"{seed}/{cut}/{flip}"
    store.append(key, 0, data)
    store.line_count(key)
    index = root / ".lines" / key
    torn = bytearray(index.read_bytes())
    torn[flip % len(torn)] ^= 0x10
    index.write_bytes(torn[: len(torn) - cut] if cut < len(torn) else b"")
    places = begins(data)
    assert store.line_count(key) == len(places) - 1
    for line in (1, 511, 512, 513, 514, 1025, 5_000, 6_000, 6_001):
        assert store.line_offset(key, line)[0] == places[line - 1]


def test_an_index_of_other_bytes_is_made_anew(store: LogStore, root: Path) -> None:
    store.append(KEY, 0, said(3_000, 1))
    assert store.line_count(KEY) == 3_000
    other = said(3_000, 2)
    (root / KEY).write_bytes(other)
    (root / KEY).touch()
    assert [store.line_offset(KEY, line)[0] for line in (1, 600, 2_900)] == [
        begins(other)[line - 1] for line in (1, 600, 2_900)
    ]


codes = st.sampled_from(
    [b"\x1b[0m", b"\x1b[m", b"\x1b[31m", b"\x1b[1m", b"\x1b[22m", b"\x1b[38;5;200m", b"\x1b[4;33m"]
)
bits = st.lists(
    st.one_of(
        codes, st.sampled_from([b"\n", b"\n\n\n", b"text", b"\r", b"\x1b", b"\x1b[", b"\x1b[3"])
    ),
    max_size=40,
).map(b"".join)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(bits, min_size=1, max_size=6))
def test_the_index_agrees_with_the_plainest_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]
) -> None:
    monkeypatch.setattr("runs.lines.LINES_A_MARK", 3)
    monkeypatch.setattr("runs.lines._SCAN_BYTES", 80)
    monkeypatch.setattr("runs.lines._SEEK_BYTES", 70)
    store = LogStore(Path(tempfile.mkdtemp(dir=tmp_path)))
    data = b""
    for piece in pieces:
        store.append(KEY, len(data), piece)
        data += piece
        assert store.line_count(KEY) == data.count(b"\n")
    for line, at in enumerate(begins(data), start=1):
        pen = Pen()
        for found in re.finditer(rb"\x1b\[([0-9;:]*)m", data[:at]):
            pen.apply(found[1].decode())
        assert store.line_offset(KEY, line) == (at, pen.codes)


def test_a_colour_code_without_end_is_no_colour(store: LogStore) -> None:
    store.append(KEY, 0, b"\x1b[31m\x1b[" + b"1" * 5_000 + b"m\n" * 600)
    assert store.line_count(KEY) == 600
    assert store.line_offset(KEY, 599)[1] == "31"


def test_a_line_far_down_takes_one_look_at_the_log(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = said(100_000)
    store.append(KEY, 0, data)
    store.line_count(KEY)
    looked: list[int] = []
    pread = os.pread

    def counting(descriptor: int, size: int, offset: int) -> bytes:
        found = pread(descriptor, size, offset)
        looked.append(len(found))
        return found

    monkeypatch.setattr("runs.lines.os.pread", counting)
    assert store.line_offset(KEY, 73_120)[0] == begins(data)[73_119]
    assert sum(looked) < LINES_A_MARK * 200


def test_a_full_disk_stores_what_fits_and_goes_on_later(root: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: it stops a write in its middle too."""
    data = said(5_000)
    room = 100_000
    program = (
        "import resource, sys; from pathlib import Path; from runs.logs import LogStore;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}));"
        "LogStore(Path(sys.argv[1])).append(sys.argv[2], 0, Path(sys.argv[3]).read_bytes())"
    )
    (tmp_path / "source").write_bytes(data)
    command = [sys.executable, "-c", program, str(root), KEY, str(tmp_path / "source")]
    done = subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.PIPE)
    assert b"OSError" in done.stderr
    store = LogStore(root)
    assert store.size(KEY) == room
    send(store, KEY, data, 1 << 20)
    assert store.seal(KEY, size=len(data), sha256=sha(data), masked=0).complete


def test_a_full_disk_does_not_keep_anybody_from_reading(
    store: LogStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = said(3_000)
    store.append(KEY, 0, data)
    pwrite = os.pwrite

    def full(descriptor: int, piece: bytes, offset: int) -> int:
        if ".lines" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(28, "No space left on device")
        return pwrite(descriptor, piece, offset)

    monkeypatch.setattr("runs.lines.os.pwrite", full)
    assert store.line_count(KEY) == 3_000
    assert store.line_offset(KEY, 2_000)[0] == begins(data)[1_999]
    monkeypatch.undo()
    assert store.line_offset(KEY, 2_000)[0] == begins(data)[1_999]
    assert (root / ".lines" / KEY).stat().st_size > 0


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_many_logs_hold_few_files_open(root: Path) -> None:
    before = open_files()
    store = LogStore(root)
    for turn in range(2):
        for number in range(_OPEN_LOGS * 2):
            store.append(f"run/{number}/log", turn * 2, b"x\n")
    assert open_files() - before <= _OPEN_LOGS
    assert all(store.size(f"run/{number}/log") == 4 for number in range(_OPEN_LOGS * 2))
    del store
    gc.collect()
    assert open_files() <= before


def test_a_log_that_another_process_deleted_begins_anew(store: LogStore, root: Path) -> None:
    store.append(KEY, 0, b"old")
    LogStore(root).delete("run/42")
    assert store.append(KEY, 0, b"new") == 3
    assert LogStore(root).read(KEY, 0, 10) == b"new"


def test_names_of_log_files_that_look_like_our_own(store: LogStore) -> None:
    for name in ("x", "x.seal", "x.lines", ".lines", "é", "\udcff"):
        store.append(f"run/1/logs/{name}", 0, name.encode(errors="surrogateescape") + b"\n")
        store.line_count(f"run/1/logs/{name}")
        store.seal(f"run/1/logs/{name}", size=None, sha256=None)
    assert len(store.keys("run/1")) == 6
    assert store.read("run/1/logs/x.seal", 0, 99) == b"x.seal\n"
