"""The stream of a real runner's `watch`, from offsets to the end, over good and bad lines."""

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from compute.place import Place
from compute.session import Session
from compute.transports.base import Channel, TargetUnreachable, Transport
from compute.watch import Beat, Bytes, Ended, Event, Gone, Settled, Short, Started, Watch
from tests.compute.test_session import finished, spec
from tests.contract.transport import within
from tests.doubles import ChannelInFront, CuttableTransport, SilentTransport


@pytest.fixture
def watch(place: Place) -> Iterator[Watch]:
    with Watch(place) as watch:
        yield watch


@dataclass
class Heard:
    """What came, put together."""

    streams: dict[str, bytearray] = field(default_factory=dict)
    others: list[Event] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if isinstance(event, Bytes):
            so_far = self.streams.setdefault(event.stream, bytearray())
            assert event.offset == len(so_far), "no byte twice, none left out"
            so_far += event.data
        else:
            self.others.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.others if isinstance(event, kind)]


def until(watch: Watch, *kinds: type[Event]) -> Heard:
    """Listen until an event of one of these kinds."""
    heard = Heard()
    for event in watch:
        heard.take(event)
        if isinstance(event, kinds):
            return heard
    raise AssertionError("the stream ended")


def folder(place: Place) -> Path:
    return Path(place.root) / "tasks" / "t1"


def test_all_bytes_come_once_and_then_the_end(session: Session, place: Place, watch: Watch) -> None:
    session.start("t1", spec("seq 1 50000; echo oops >&2; echo note > logs/x.txt; exit 3"))
    watch.follow("run/1/1", "t1", {})
    heard = until(watch, Ended)
    (ended,) = heard.of(Ended)
    assert isinstance(ended, Ended)
    assert ended.task == "run/1/1"
    assert ended.exited is not None
    assert ended.exited["status"] == {"exited": 3}
    assert ended.sealed is not None
    assert ended.sealed["log_bytes"] == len(heard.streams["run.log"])
    assert not ended.rebooted
    assert bytes(heard.streams["run.log"]) == (folder(place) / "run.log").read_bytes()
    assert bytes(heard.streams["logs/x.txt"]) == b"note\n"
    assert {name: len(data) for name, data in heard.streams.items()} == ended.streams
    assert len(heard.of(Started)) == 1


def test_bytes_come_while_it_runs(session: Session, watch: Watch) -> None:
    session.start("t1", spec("printf 'no newline'; sleep 600"))
    watch.follow("run/1/1", "t1", {})
    for event in watch:
        if isinstance(event, Bytes) and event.stream == "run.log":
            assert event.data == b"no newline"
            break


def test_a_follow_goes_on_from_its_offsets(session: Session, watch: Watch) -> None:
    session.start("t1", spec("printf 0123456789"))
    finished(session, "t1")
    watch.follow("run/1/1", "t1", {"run.log": 4})
    pieces = [(e.offset, e.data) for e in heard_bytes(watch) if e.stream == "run.log"]
    assert pieces == [(4, b"456789")]


def heard_bytes(watch: Watch) -> Iterator[Bytes]:
    for event in watch:
        if isinstance(event, Ended):
            return
        if isinstance(event, Bytes):
            yield event


def test_a_rewind_sends_again(session: Session, watch: Watch) -> None:
    session.start("t1", spec("printf 0123456789; sleep 600"))
    watch.follow("run/1/1", "t1", {})
    offsets = []
    for event in watch:
        if isinstance(event, Bytes) and event.stream == "run.log":
            offsets.append((event.offset, event.data))
            if len(offsets) == 1:
                watch.rewind("run/1/1", "run.log", 7)
            else:
                break
    assert offsets == [(0, b"0123456789"), (7, b"789")]


def test_an_unfollowed_task_is_heard_of_no_more(session: Session, watch: Watch) -> None:
    for name, task in (("t1", "run/1/1"), ("t2", "run/2/1")):
        session.start(name, spec("while :; do echo .; sleep 0.02; done", task=task))
        watch.follow(task, name, {})
    heard: list[str] = []
    for event in watch:
        if isinstance(event, Bytes) and event.stream == "run.log":
            heard.append(event.task)
            if {"run/1/1", "run/2/1"} == set(heard):
                break
    watch.unfollow("run/1/1")
    after = (event.task for event in watch if isinstance(event, Bytes))
    heard = [next(after) for _ in range(20)]
    assert set(heard[-10:]) == {"run/2/1"}


def test_beats_tell_who_lives(session: Session, watch: Watch) -> None:
    session.start("t1", spec("sleep 600"))
    watch.follow("run/1/1", "t1", {})
    (beat,) = until(watch, Beat).of(Beat)
    assert beat == Beat("run/1/1", keeper="alive", sampler="alive", command="alive")


def test_a_task_without_a_folder_is_gone(watch: Watch) -> None:
    watch.follow("run/9/1", "t9", {})
    assert until(watch, Gone).others == [Gone("run/9/1")]


def test_a_stream_shorter_than_stored_is_told(session: Session, watch: Watch) -> None:
    session.start("t1", spec("printf 0123456789; sleep 600"))
    watch.follow("run/1/1", "t1", {"run.log": 99})
    assert list(short_ones(watch, 10))[-1] == Short("run/1/1", "run.log", 10)


def short_ones(watch: Watch, last: int) -> Iterator[Short]:
    """It may be told before the command has said anything, and then again on a rewind."""
    for event in watch:
        if isinstance(event, Short):
            yield event
            if event.size >= last:
                return
            watch.rewind(event.task, event.stream, 99)


def test_what_is_new_or_refused_does_not_end_the_stream(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [
        {"t": "settled", "task": "run/1/1", "count": 3},
        {"t": "error", "task": "run/1/1", "error": "no such stream", "code": "request"},
        {"t": "from a later version"},
        {"t": "gone", "task": "run/2/1"},
    ]
    heads = [json.dumps(frame).encode() for frame in frames]
    said = b"".join(struct.pack(">II", len(head), 0) + head for head in heads)
    script = f"import sys; sys.stdout.buffer.write({said!r}); sys.stdout.flush(); input()"
    channel = place.transport.popen([place.python, "-c", script])
    monkeypatch.setattr("compute.watch.open_runner", lambda *_: (channel, "0" * 64))
    with Watch(place) as watch:
        assert until(watch, Gone).others == [Settled("run/1/1", 3), Gone("run/2/1")]
    assert "no such stream" in caplog.text


def test_a_lost_keeper_ends_without_an_invented_status(session: Session, watch: Watch) -> None:
    started = session.start("t1", spec("sleep 600"))
    keeper = started.keeper  # type: ignore[union-attr]
    os.kill(keeper["pid"], 9)
    session.stop("t1", reason="canceled_by_user", grace_s=0)
    watch.follow("run/1/1", "t1", {})
    (ended,) = until(watch, Ended).of(Ended)
    assert isinstance(ended, Ended)
    assert ended.exited is not None
    assert ended.exited["status"] is None


def test_many_tasks_share_the_line(session: Session, watch: Watch) -> None:
    for number in range(8):
        name = f"t{number}"
        session.start(name, spec(f"seq {number} 20000", task=f"run/{number}/1"))
        watch.follow(f"run/{number}/1", name, {})
    sizes: dict[str, int] = {}
    ended = 0
    for event in watch:
        if isinstance(event, Bytes) and event.stream == "run.log":
            sizes[event.task] = sizes.get(event.task, 0) + len(event.data)
        ended += isinstance(event, Ended)
        if ended == 8:
            break
    assert sizes == {f"run/{n}/1": sum(len(f"{i}\n") for i in range(n, 20001)) for n in range(8)}


def test_closing_in_another_thread_ends_the_iteration(place: Place) -> None:
    with Watch(place) as watch:
        closer = threading.Timer(0.2, watch.close)
        closer.start()
        with within(20):
            assert list(watch) == []
        closer.join()


def test_a_cut_link_is_told_and_a_new_watch_goes_on_where_we_were(
    session: Session, place: Place
) -> None:
    link = CuttableTransport(place.transport)
    session.start("t1", spec("echo one; while [ ! -e ../go ]; do sleep 0.02; done; echo two"))
    stored = bytearray()
    with Watch(replace(place, transport=link)) as watch:
        watch.follow("run/1/1", "t1", {})
        with pytest.raises(TargetUnreachable):
            store_log(watch, stored, then=link.cut)
    (folder(place) / "go").touch()
    link.mend()
    with Watch(replace(place, transport=link)) as watch:
        watch.follow("run/1/1", "t1", {"run.log": len(stored)})
        for piece in heard_bytes(watch):
            if piece.stream == "run.log":
                assert piece.offset == len(stored)
                stored += piece.data
    assert stored == b"one\ntwo\n"


def store_log(watch: Watch, stored: bytearray, then: Callable[[], None]) -> None:
    for piece in heard_bytes(watch):
        if piece.stream == "run.log":
            stored += piece.data
            then()


def test_a_line_that_falls_silent_is_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compute.watch._PING_S", 0.05)
    monkeypatch.setattr("compute.watch._SILENCE_S", 0.3)
    channel = SilentTransport(place.transport).popen([])
    monkeypatch.setattr("compute.watch.open_runner", lambda *_: (channel, "0" * 64))
    with Watch(place) as watch, within(20), pytest.raises(TargetUnreachable, match="silent"):
        list(watch)


def test_the_iterator_keeps_an_idle_line_alive(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compute.watch._PING_S", 0.05)
    counting = CountingTransport(place.transport)
    with Watch(replace(place, transport=counting)) as watch:
        closer = threading.Thread(target=lambda: (counting.many.wait(20), watch.close()))
        closer.start()
        assert list(watch) == []
        closer.join()
    assert counting.many.is_set()


@dataclass(frozen=True)
class CountingTransport:
    """Tells when its channels have been written to often."""

    behind: Transport
    many: threading.Event = field(default_factory=threading.Event)

    def popen(self, argv: list[str]) -> Channel:
        return _CountingChannel(self.behind.popen(argv), self.many)


class _CountingChannel(ChannelInFront):
    def __init__(self, behind: Channel, many: threading.Event) -> None:
        super().__init__(behind)
        self._many = many
        self._writes = 0

    def write(self, data: bytes | memoryview, *, timeout_s: float) -> None:
        super().write(data, timeout_s=timeout_s)
        self._writes += 1
        if self._writes > 10:
            self._many.set()
