"""What every transport promises, one promise a test.

A subclass gives `transport` and `python`; the folder `there` must be the same on both sides.
"""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compute.transports.base import Channel, TargetRefused, TargetUnreachable, Transport
from tests.waiting import eventually

SOON_S = 20.0
"""Far more than anything here takes on a busy machine."""
BRIEFLY_S = 0.3

ECHO = "import os\nwhile data := os.read(0, 65536):\n    os.write(1, data)"
ANNOUNCE = "import os, sys; sys.stdout.write('%8d' % os.getpid()); sys.stdout.flush()\n"


class TransportContract:
    """Inherit, give the fixtures, and the transport is held to the contract."""

    @pytest.fixture
    def transport(self) -> Transport:
        """The transport under test."""
        raise NotImplementedError

    @pytest.fixture
    def python(self) -> str:
        """An interpreter over there."""
        raise NotImplementedError

    @pytest.fixture
    def there(self, tmp_path: Path) -> Path:
        """A folder that both sides see under the same path."""
        return tmp_path

    def pid_here(self, pid: int) -> int:
        """The number on this side of a process that over there has the number `pid`."""
        return pid

    def test_bytes_come_back_as_they_were_sent(self, transport: Transport, python: str) -> None:
        data = os.urandom(200_000) + bytes(range(256)) + b"\r\n\x00\x04\x1a\xff"
        with opened(transport, [python, "-c", ECHO]) as channel:
            channel.write(data, timeout_s=SOON_S)
            is_same = channel.read_exact(len(data), timeout_s=SOON_S) == data
        assert is_same  # not compared here: explaining a difference would take minutes

    def test_a_read_stops_exactly_where_it_was_told_to(
        self, transport: Transport, python: str
    ) -> None:
        with opened(transport, [python, "-c", ECHO]) as channel:
            channel.write(b"onetwo-three", timeout_s=SOON_S)
            parts = [channel.read_exact(n, timeout_s=SOON_S) for n in (3, 3, 1, 5)]
            assert parts == [b"one", b"two", b"-", b"three"]

    def test_words_arrive_as_they_are(self, transport: Transport, python: str) -> None:
        words = ["", " ", "a b", "$HOME", "*", "'", '"', "\\", "a\nb", "--", "-c", ";&|", "é", "!"]
        code = "import sys; sys.stdout.write(ascii(sys.argv[1:]) + chr(10)); sys.stdout.flush()"
        expected = ascii(words).encode() + b"\n"
        with opened(transport, [python, "-c", code, *words]) as channel:
            assert channel.read_exact(len(expected), timeout_s=SOON_S) == expected

    def test_one_thread_reads_while_another_writes(self, transport: Transport, python: str) -> None:
        data = os.urandom(16 << 20)  # far more than any pipe holds
        with opened(transport, [python, "-c", ECHO]) as channel:
            writer = threading.Thread(target=channel.write, args=(data,), kwargs={"timeout_s": 60})
            writer.start()
            try:
                assert channel.read_exact(len(data), timeout_s=60) == data
            finally:
                writer.join(60)

    def test_a_chatty_standard_error_blocks_nothing(
        self, transport: Transport, python: str
    ) -> None:
        code = (
            "import sys; sys.stderr.write('x' * 3_000_000); sys.stderr.flush();"
            "sys.stdout.write('done'); sys.stdout.flush()"
        )
        with opened(transport, [python, "-c", code]) as channel:
            assert channel.read_exact(4, timeout_s=SOON_S) == b"done"

    def test_an_early_end_is_told_with_the_last_line_of_standard_error(
        self, transport: Transport, python: str
    ) -> None:
        code = "import sys; sys.stderr.write('first\\nno space left over there\\n'); sys.exit(3)"
        complaint = pytest.raises(TargetUnreachable, match=r"no space left over there$")
        with opened(transport, [python, "-c", code]) as channel, complaint:
            channel.read_exact(1, timeout_s=SOON_S)

    def test_what_was_said_before_the_end_can_still_be_read(
        self, transport: Transport, python: str
    ) -> None:
        with opened(transport, [python, "-c", "print('last words', end='')"]) as channel:
            assert channel.wait(timeout_s=SOON_S) == 0
            assert channel.read_exact(10, timeout_s=SOON_S) == b"last words"

    def test_silence_ends_a_read_in_time(self, transport: Transport, python: str) -> None:
        late = pytest.raises(TargetUnreachable)
        with opened(transport, [python, "-c", "input()"]) as channel, within(SOON_S), late:
            channel.read_exact(1, timeout_s=BRIEFLY_S)

    def test_readable_tells_silence_from_bytes_and_from_the_end(
        self, transport: Transport, python: str
    ) -> None:
        code = "import sys; input(); print('x', end='', flush=True); sys.exit(int(input()))"
        with opened(transport, [python, "-c", code]) as channel:
            assert not channel.readable(timeout_s=BRIEFLY_S)
            channel.write(b"\n", timeout_s=SOON_S)
            assert channel.readable(timeout_s=SOON_S)
            assert channel.read_exact(1, timeout_s=SOON_S) == b"x"
            assert not channel.readable(timeout_s=0)
            channel.write(b"0\n", timeout_s=SOON_S)
            assert channel.readable(timeout_s=SOON_S)

    def test_a_write_to_somebody_who_does_not_read_ends_in_time(
        self, transport: Transport, python: str
    ) -> None:
        argv, late = [python, "-c", "import time; time.sleep(60)"], pytest.raises(TargetUnreachable)
        with opened(transport, argv) as channel, within(SOON_S), late:
            channel.write(bytes(64 << 20), timeout_s=BRIEFLY_S)

    def test_a_write_after_the_end_is_refused(self, transport: Transport, python: str) -> None:
        with opened(transport, [python, "-c", "pass"]) as channel:
            channel.wait(timeout_s=SOON_S)
            with pytest.raises(TargetUnreachable):
                channel.write(bytes(8 << 20), timeout_s=SOON_S)

    def test_wait_tells_running_from_ended(self, transport: Transport, python: str) -> None:
        with opened(transport, [python, "-c", "input(); raise SystemExit(7)"]) as channel:
            assert channel.wait(timeout_s=0) is None
            channel.write(b"\n", timeout_s=SOON_S)
            assert channel.wait(timeout_s=SOON_S) == 7

    def test_close_lets_a_command_see_the_end_of_its_input(
        self, transport: Transport, python: str, there: Path
    ) -> None:
        note = there / "saw-the-end"
        code = (
            "import sys; print('x', end='', flush=True); sys.stdin.read();"
            f"open({str(note)!r}, 'w').close()"
        )
        with opened(transport, [python, "-c", code]) as channel:
            channel.read_exact(1, timeout_s=SOON_S)
            channel.close()
        eventually(note.exists, what="the command to see the end of its input")

    def test_close_ends_a_command_that_does_not_listen(
        self, transport: Transport, python: str
    ) -> None:
        code = ANNOUNCE + "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
        with opened(transport, [python, "-c", code]) as channel:
            pid = self.pid_here(int(channel.read_exact(8, timeout_s=SOON_S)))
            with within(SOON_S):
                channel.close()
        eventually(lambda: not lives(pid), what="the command to be gone")

    def test_close_may_be_repeated(self, transport: Transport, python: str) -> None:
        with opened(transport, [python, "-c", "input()"]) as channel:
            channel.close()
            channel.close()

    def test_nothing_can_be_read_or_written_after_close(
        self, transport: Transport, python: str
    ) -> None:
        with opened(transport, [python, "-c", "print('x' * 1000)"]) as channel:
            channel.close()
            with pytest.raises(TargetUnreachable):
                channel.read_exact(1, timeout_s=SOON_S)
            with pytest.raises(TargetUnreachable):
                channel.write(b"x", timeout_s=SOON_S)

    def test_close_in_another_thread_ends_a_waiting_read(
        self, transport: Transport, python: str
    ) -> None:
        with opened(transport, [python, "-c", ANNOUNCE + "input()"]) as channel:
            channel.read_exact(8, timeout_s=SOON_S)
            closer = threading.Timer(BRIEFLY_S, channel.close)
            closer.start()
            with within(SOON_S), pytest.raises(TargetUnreachable):
                channel.read_exact(1, timeout_s=3 * SOON_S)
            closer.join()

    def test_what_the_command_detached_survives_close(
        self, transport: Transport, python: str
    ) -> None:
        code = (
            "import os, sys, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork():\n"
            "        os._exit(0)\n"
            "    null = os.open(os.devnull, os.O_RDWR)\n"
            "    sys.stdout.write('%8d' % os.getpid()); sys.stdout.flush()\n"
            "    for fd in (0, 1, 2): os.dup2(null, fd)\n"
            "    time.sleep(600)\n"
            "os.wait(); sys.stdin.read()\n"
        )
        with opened(transport, [python, "-c", code]) as channel:
            pid = self.pid_here(int(channel.read_exact(8, timeout_s=SOON_S)))
        try:
            assert lives(pid)
        finally:
            os.kill(pid, 9)

    def test_channels_do_not_disturb_each_other(self, transport: Transport, python: str) -> None:
        argv = [python, "-c", ECHO]
        with opened(transport, argv) as one, opened(transport, argv) as two:
            one.write(b"one", timeout_s=SOON_S)
            two.write(b"two", timeout_s=SOON_S)
            assert two.read_exact(3, timeout_s=SOON_S) == b"two"
            two.close()
            assert one.read_exact(3, timeout_s=SOON_S) == b"one"

    def test_a_command_that_does_not_exist_is_refused_not_retried(
        self, transport: Transport, there: Path
    ) -> None:
        missing = str(there / "no-such-python")
        refusal = pytest.raises(TargetRefused, match="no-such-python")
        with refusal, opened(transport, [missing]) as channel:
            channel.read_exact(1, timeout_s=SOON_S)

    def test_equal_transports_are_one_place(self, transport: Transport) -> None:
        assert len({transport, copy.copy(transport)}) == 1


@contextmanager
def opened(transport: Transport, argv: list[str]) -> Iterator[Channel]:
    """A channel that is closed whatever happens."""
    channel = transport.popen(argv)
    try:
        yield channel
    finally:
        channel.close()


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    """Fails when the block took longer: what waits for ever must not pass as slow."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < limit_s, f"took {took:.1f} s, allowed are {limit_s} s"


def lives(pid: int) -> bool:
    """Whether that process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"
